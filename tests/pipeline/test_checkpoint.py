"""The best candidate so far is on disk, whole, whatever ends the process."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from tests.pipeline.conftest import Case, make_case
from zoo_compress import errors
from zoo_compress.core import Progress, Trial, ignore_progress
from zoo_compress.pipeline import apply, resume, run
from zoo_compress.pipeline.checkpoint import LARGEST_SHARE, Checkpoint
from zoo_compress.pipeline.study import Study, build_study
from zoo_compress.search.frontier import best_trial
from zoo_compress.search.projection import knapsack
from zoo_compress.search.store import TrialStore


class FakeClock:
    """A clock that moves by one second each time it is read, and when it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


class KilledError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Study:
    case = make_case(tmp_path_factory.mktemp("built"))
    return build_study(case.settings(), ignore_progress)


@pytest.fixture
def study(built: Study, case: Case) -> Study:
    """The study of the case's model, with a folder of this test."""
    case.out.mkdir()
    return replace(built, settings=replace(built.settings, out=case.out))


@pytest.fixture(scope="module")
def trials(built: Study) -> list[Trial]:
    """Trials of different plans, all within the budget."""
    space, rng = built.sized.space, np.random.default_rng(0)
    costs = [rng.random(space.level_bytes.shape).cumsum(axis=1) for _ in range(12)]
    thetas = {
        theta.tobytes(): theta
        for theta in (knapsack(space.costs, cost, built.limit_bytes) for cost in costs)
    }
    plans = [space.plan(theta) for theta in thetas.values()]
    assert len(plans) >= 3
    return [
        Trial(number=number, plan=plan, measurement=built.measurer.measure(plan))
        for number, plan in enumerate(plans)
    ]


def distance_on_disk(study: Study, folder: Path) -> float:
    """Run the model in a folder on the search inputs and measure its distance."""
    session = onnxruntime.InferenceSession(
        folder / "model.onnx", providers=["CPUExecutionProvider"]
    )
    feeds = study.inputs.subset(study.split.search).feeds
    outputs = [tuple(session.run(None, dict(feed))) for feed in feeds]
    return float(study.distance(outputs, range(len(feeds))).mean())


def holds(study: Study, trial: Trial, folder: str = "checkpoint") -> bool:
    found = distance_on_disk(study, study.settings.folder / folder)
    return found == pytest.approx(trial.measurement.distance, rel=1e-3)


def stored(case: Case) -> list[Trial]:
    return TrialStore(case.out / "trials.sqlite").trials()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_first_candidate_is_written_at_once_as_a_model_with_its_plan(
    case: Case, study: Study, trials: Sequence[Trial]
) -> None:
    checkpoint = Checkpoint(study, began=0.0)
    checkpoint.keep(None)
    assert checkpoint.path is None
    checkpoint.keep(trials[0])
    assert checkpoint.path == case.out / "checkpoint"
    assert names(checkpoint.path) == ["README.txt", "model.onnx", "plan.json"]
    assert names(case.out) == ["checkpoint"]
    assert holds(study, trials[0])
    assert "not\npassed the publish gate" in (checkpoint.path / "README.txt").read_text("utf-8")
    again = case.out / "again.onnx"
    apply(str(case.model), plan=checkpoint.path / "plan.json", out=again)
    assert again.read_bytes() == (checkpoint.path / "model.onnx").read_bytes()


def test_writing_one_candidate_does_not_change_the_next(
    study: Study, trials: Sequence[Trial]
) -> None:
    Checkpoint(study, began=0.0).keep(trials[0])
    first = (study.settings.folder / "checkpoint" / "model.onnx").read_bytes()
    for trial in (trials[1], trials[0]):
        Checkpoint(study, began=-1e9).keep(trial)
        assert holds(study, trial)
    assert (study.settings.folder / "checkpoint" / "model.onnx").read_bytes() == first


def test_later_candidates_wait_until_writing_takes_no_more_than_its_share(
    study: Study, trials: Sequence[Trial]
) -> None:
    clock = FakeClock()
    checkpoint = Checkpoint(study, began=0.0, clock=clock)
    checkpoint.keep(trials[0])
    took = checkpoint.seconds
    assert took > 0
    checkpoint.keep(trials[1])
    assert holds(study, trials[0])
    clock.now = 2 * took / LARGEST_SHARE
    checkpoint.keep(trials[2])
    assert holds(study, trials[2])
    checkpoint.keep(trials[1])
    assert holds(study, trials[2])
    checkpoint.flush()
    assert holds(study, trials[1])


def test_a_candidate_that_is_on_disk_is_not_written_again(
    study: Study, trials: Sequence[Trial]
) -> None:
    Checkpoint(study, began=0.0).keep(trials[0])
    checkpoint = Checkpoint(study, began=0.0)
    checkpoint.keep(trials[0])
    checkpoint.flush()
    assert checkpoint.seconds == 0.0


@pytest.mark.parametrize("renames", range(2))
@pytest.mark.parametrize("after", [False, True])
def test_a_kill_while_one_takes_the_others_place_leaves_one_of_them_whole(
    study: Study,
    trials: Sequence[Trial],
    monkeypatch: pytest.MonkeyPatch,
    renames: int,
    after: bool,
) -> None:
    Checkpoint(study, began=0.0).keep(trials[0])
    real, done = os.replace, []

    def renamed(source: Path, target: Path) -> None:
        if not Path(source).is_dir():
            real(source, target)
            return
        if len(done) == renames and not after:
            raise KilledError
        real(source, target)
        done.append(target)
        if len(done) == renames + 1 and after:
            raise KilledError

    monkeypatch.setattr(os, "replace", renamed)
    with pytest.raises(KilledError):
        Checkpoint(study, began=-1e9).keep(trials[1])
    monkeypatch.undo()
    whole = [name for name in names(study.settings.folder) if name.startswith("checkpoint")]
    assert any(holds(study, trial, name) for name in whole for trial in trials[:2])
    found = Checkpoint(study, began=0.0).path
    assert found == study.settings.folder / "checkpoint"
    assert holds(study, trials[0]) or holds(study, trials[1])
    assert names(study.settings.folder) == ["checkpoint"]


def test_a_candidate_that_was_written_by_half_is_cleared_away(
    study: Study, trials: Sequence[Trial]
) -> None:
    Checkpoint(study, began=0.0).keep(trials[0])
    half = study.settings.folder / "checkpoint-next"
    half.mkdir()
    (half / "model.onnx").write_bytes(b"half")
    assert Checkpoint(study, began=0.0).path is not None
    assert holds(study, trials[0])
    assert names(study.settings.folder) == ["checkpoint"]


def test_during_a_search_the_best_model_so_far_is_on_disk(case: Case) -> None:
    seen = []

    def look(progress: Progress) -> None:
        if progress.stage == "search":
            best = best_trial(stored(case), study.objective, study.limit_bytes)
            assert best is not None
            on_disk = distance_on_disk(study, case.out / "checkpoint")
            seen.append((best.measurement.distance, on_disk))

    study = build_study(case.settings(), ignore_progress)
    # Long ago, so that every improvement is written at once.
    run(case.settings(trials=10), began=-1e6, progress=look)
    assert len(seen) == len(stored(case)) >= 10
    for best, on_disk in seen:
        assert on_disk == pytest.approx(best, rel=1e-3)
    assert not (case.out / "checkpoint").exists()


def test_an_error_after_the_first_trial_leaves_the_best_model_there(case: Case) -> None:
    def fail(progress: Progress) -> None:
        if progress.stage == "search" and progress.done == 4:
            raise RuntimeError("the machine caught fire")

    with pytest.raises(RuntimeError, match="caught fire"):
        run(case.settings(), progress=fail)
    study = build_study(case.settings(), ignore_progress)
    assert len(stored(case)) == 4
    best = best_trial(stored(case), study.objective, study.limit_bytes)
    assert best is not None
    assert holds(study, best)


def test_stopping_while_finishing_names_the_candidate_and_resuming_replaces_it(
    case: Case,
) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == "gate":
            raise KeyboardInterrupt

    with pytest.raises(errors.SearchInterrupted, match=r"unchecked, is .*checkpoint"):
        run(case.settings(), progress=stop)
    assert (case.out / "checkpoint" / "model.onnx").exists()
    candidate = (case.out / "checkpoint" / "model.onnx").read_bytes()
    resume(case.out)
    assert (case.out / "model.onnx").read_bytes() == candidate
    assert not (case.out / "checkpoint").exists()


def test_a_candidate_that_fails_the_gate_is_not_left_as_if_it_were_good(case: Case) -> None:
    samples = np.tile(np.random.default_rng(2).standard_normal((1, 3, 8, 8)), (120, 1, 1, 1))
    samples += 1e-3 * np.random.default_rng(3).standard_normal(samples.shape)
    np.savez(case.data, x=samples.astype(np.float32))
    with pytest.raises(errors.PublishGateError):
        run(case.settings(budget="0.12"))
    assert not (case.out / "checkpoint").exists()
    assert (case.out / "rejected" / "model.onnx").exists()
