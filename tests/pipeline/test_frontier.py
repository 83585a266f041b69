import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipeline.conftest import Case, whole_copy_of
from zoo_compress import errors
from zoo_compress.pipeline import apply, frontier, resume, run
from zoo_compress.runtime.evaluator import CpuEvaluator, Outputs
from zoo_compress.search.store import TrialStore


@pytest.fixture
def finished(default_run: Case, tmp_path: Path) -> Case:
    return whole_copy_of(default_run, tmp_path)


def test_the_front_is_what_no_trial_beats(finished: Case) -> None:
    found = frontier(finished.out)
    sizes = [point.stored_bytes for point in found.front]
    distances = [point.distance for point in found.front]
    assert sizes == sorted(sizes, reverse=True)
    assert distances == sorted(distances)
    for trial in TrialStore(finished.out / "trials.sqlite").trials():
        measured = trial.measurement
        assert any(
            point.stored_bytes <= measured.stored_bytes and point.distance <= measured.distance
            for point in found.front
        )
    assert found.chosen is not None
    assert found.chosen.trial == json.loads((finished.out / "run.json").read_text())["trial"]


def test_the_trials_reach_well_beyond_the_size_that_was_searched(finished: Case) -> None:
    original = finished.model.stat().st_size
    trials = TrialStore(finished.out / "trials.sqlite").trials()
    ratios = [trial.measurement.stored_bytes / original for trial in trials]
    assert max(ratios[:6]) <= 0.3
    assert min(ratios) < 0.2
    assert len({round(ratio, 2) for ratio in ratios[6:]}) >= 3
    front = [point.size_ratio for point in frontier(finished.out).front]
    assert min(front) < 0.2


def test_the_figures_are_drawn_without_the_original(finished: Case) -> None:
    finished.model.unlink()
    found = frontier(finished.out)
    assert [path.name for path in found.figures] == ["frontier.png", "frontier.svg"]
    assert all(path.stat().st_size > 1000 for path in found.figures)


def test_another_budget_is_answered_without_a_new_evaluation(
    finished: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidates: list[frozenset[bytes]] = []
    evaluate = CpuEvaluator.outputs

    def counted(
        self: CpuEvaluator, weights: dict[str, Any], indices: Sequence[int]
    ) -> list[Outputs]:
        if weights:
            candidates.append(frozenset(array.tobytes() for array in weights.values()))
        return evaluate(self, weights, indices)

    before = TrialStore(finished.out / "trials.sqlite").trials()
    front = frontier(finished.out).front
    smallest = [point for point in front if (point.relative_distance or 1) < 0.5][-1]
    monkeypatch.setattr(CpuEvaluator, "outputs", counted)
    found = frontier(finished.out, budget=f"bytes={smallest.stored_bytes}")
    assert TrialStore(finished.out / "trials.sqlite").trials() == before
    # The gate alone runs the chosen weights, to hold the written file against them.
    assert len(set(candidates)) <= 1
    assert found.chosen == smallest
    assert found.result is not None
    assert found.result.report["compressed_bytes"] <= smallest.stored_bytes
    assert found.result.folder == finished.out / "frontier" / f"bytes-{smallest.stored_bytes}"


def test_the_model_of_a_point_has_a_plan_that_makes_it_again(finished: Case) -> None:
    found = frontier(finished.out, gamma=5.0)
    assert found.result is not None
    again = finished.out.with_name("again.onnx")
    apply(str(finished.model), plan=found.result.folder / "plan.json", out=again)
    assert again.read_bytes() == (found.result.folder / "model.onnx").read_bytes()
    assert (finished.out / "model.onnx").exists()


def test_a_budget_that_no_trial_meets_says_what_they_reach(finished: Case) -> None:
    with pytest.raises(errors.BudgetError, match=r"none of the \d+ trials meets size=0\.01"):
        frontier(finished.out, budget="0.01")
    assert not (finished.out / "frontier").exists()


def test_a_point_is_not_written_over_another_unless_asked(finished: Case) -> None:
    frontier(finished.out, budget="0.3")
    with pytest.raises(errors.OutputError, match="already holds a run"):
        frontier(finished.out, budget="0.3")
    frontier(finished.out, budget="0.3", overwrite=True)


def test_a_point_on_other_inputs_than_the_runs_is_refused(finished: Case) -> None:
    samples = np.random.default_rng(5).standard_normal((120, 3, 8, 8)).astype(np.float32)
    np.savez(finished.data, x=samples)
    with pytest.raises(errors.OutputError, match="search inputs changed"):
        frontier(finished.out, budget="0.3")


def test_a_new_run_in_the_folder_removes_the_points_of_the_old_one(finished: Case) -> None:
    frontier(finished.out, budget="0.3")
    run(finished.settings(strategy="knapsack", overwrite=True))
    assert not (finished.out / "frontier").exists()
    assert not (finished.out / "frontier.json").exists()


def test_folders_without_a_finished_run_are_refused(finished: Case, tmp_path: Path) -> None:
    with pytest.raises(errors.OutputError, match="holds no run"):
        frontier(tmp_path / "nowhere")
    (finished.out / "run.json").unlink()
    with pytest.raises(errors.OutputError, match="was not finished"):
        frontier(finished.out)


def test_a_resumed_run_adds_no_rung_to_its_ladder(finished: Case) -> None:
    before = TrialStore(finished.out / "trials.sqlite").trials()
    shutil.rmtree(finished.out / "frontier", ignore_errors=True)
    resume(finished.out)
    assert TrialStore(finished.out / "trials.sqlite").trials() == before
