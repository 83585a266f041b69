"""Runs for a budget of latency, on a machine whose times are given: no test judges real speed."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import onnx
import pytest

from tests.pipeline.conftest import Case, make_case
from zoo_compress.core import AnyArray, Feed
from zoo_compress.errors import BudgetError, SourceError
from zoo_compress.pipeline import frontier, resume, run
from zoo_compress.pipeline.site_timing import time_sites
from zoo_compress.pipeline.study import build_study
from zoo_compress.runtime.device import Device
from zoo_compress.runtime.fed_session import FedSession
from zoo_compress.runtime.latency import Latency
from zoo_compress.search.store import TrialStore

TRIALS = "trials.sqlite"


def latency(ratio: float, *, spread: float = 0.0) -> Latency:
    return Latency(
        original_ms=10.0,
        compressed_ms=10.0 * ratio,
        ratio=ratio,
        quartiles=(ratio - spread, ratio + spread),
        pairs=40,
        slower_pairs=0 if ratio < 1 else 40,
        original_load_seconds=0.1,
        compressed_load_seconds=0.1,
        threads=2,
        provider="CPUExecutionProvider",
    )


@dataclass
class Machine:
    """A machine on which every 8-bit weight takes so much of the time away.

    Attributes:
        share: What a model takes of the original's time, by its number of 8-bit weights.
        site: What a site takes of the original's time as 8-bit numbers.
        spread: How far the quartiles of models are from their medians.
        races: Numbers of 8-bit weights of the models that were timed, in order.
        sites: How many races of single sites there were.
    """

    share: Callable[[int], float] = lambda weights: 1.0 - 0.2 * weights
    site: float = 0.5
    spread: float = 0.0
    races: list[int] = field(default_factory=list)
    sites: int = 0

    def patch(self, patched: pytest.MonkeyPatch) -> None:
        """Let this machine time models and sites."""
        patched.setattr("zoo_compress.pipeline.stopwatch.race_on", self.time_models)
        patched.setattr("zoo_compress.pipeline.site_timing._race", self.time_site)

    def time_models(
        self, original: Path, other: Path, feeds: Sequence[Feed], seconds: float, device: Device
    ) -> Latency:
        """Time a file by what is in it."""
        assert original.is_file()
        stored = onnx.load(other).graph.initializer
        weights = sum(t.data_type == onnx.TensorProto.INT8 and len(t.dims) > 1 for t in stored)
        self.races.append(weights)
        return latency(self.share(weights), spread=self.spread)

    def time_site(self, openers: Sequence[Callable[[], object]], seconds: float) -> list[Latency]:
        """Time the original of a site and its options, alone and between others."""
        self.sites += 1
        return [latency(1.0), *(latency(self.site) for _ in openers[1:])]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    given = Machine()
    given.patch(monkeypatch)
    return given


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A finished run for 0.7 of the time, made once."""
    home = tmp_path_factory.mktemp("once")
    made = make_case(home)
    given = Machine()
    with pytest.MonkeyPatch.context() as patched:
        given.patch(patched)
        run(made.settings(budget="latency=0.7"))
    return made


@pytest.fixture
def finished(once: Case, tmp_path: Path) -> Case:
    """A copy of that run."""
    shutil.copytree(once.out, tmp_path / "run")
    return replace(once, out=tmp_path / "run")


def test_the_closest_model_that_was_measured_to_keep_the_budget_is_the_result(
    finished: Case,
) -> None:
    report = json.loads((finished.out / "run.json").read_text("utf-8"))
    assert report["budget"] == "latency=0.7"
    assert report["recipe"] == "cpu-speed"
    assert any("recipe cpu-speed: the budget is one of latency" in n for n in report["notes"])
    changed = [site for site in report["sites"] if site["option"] is not None]
    # Two weights as 8-bit numbers take 0.6 of the time, one takes 0.8.
    assert len(changed) == 2
    assert report["latency"]["ratio"] == pytest.approx(0.6)
    told = report["latency_budget"]
    assert told["met"]
    assert (told["budget"], told["ratio"]) == (0.7, report["latency"]["ratio"])
    # The two that are not met: one weight, and none.
    assert {model["met"] for model in told["models"]} == {True, False}
    assert all(
        site["time"] == {"original_us": 1e4, "stored_us": 5e3 if site in changed else 1e4}
        for site in report["sites"]
    )
    card = (finished.out / "README.md").read_text("utf-8")
    assert "at most 70 % of the original's time" in card
    assert "keeps the budget" in card


def test_no_closer_trial_keeps_the_budget(finished: Case, machine: Machine) -> None:
    report = json.loads((finished.out / "run.json").read_text("utf-8"))
    trials = TrialStore(finished.out / TRIALS).trials()
    keeping = [t for t in trials if machine.share(len(t.plan.choices)) <= 0.7]
    assert report["distance"] == min(trial.measurement.distance for trial in keeping)


def test_what_misses_the_budget_when_it_is_measured_is_not_the_result(
    case: Case, machine: Machine
) -> None:
    # Sites promise that two weights are enough, but whole models need all three.
    machine.share = lambda weights: (1.0, 0.95, 0.9, 0.4)[weights]
    report = run(case.settings(budget="latency=0.7")).report
    assert report["latency"]["ratio"] == pytest.approx(0.4)
    assert all(site["option"] is not None for site in report["sites"])
    assert 2 in machine.races
    missed = [model for model in report["latency_budget"]["models"] if not model["met"]]
    assert 2 in [model["changed_weights"] for model in missed]


def test_a_budget_that_nothing_keeps_ends_with_the_fastest_and_leaves_the_run(
    case: Case, machine: Machine
) -> None:
    with pytest.raises(BudgetError) as raised:
        run(case.settings(budget="latency=0.1"))
    told = str(raised.value)
    assert "\n" not in told
    assert "the fastest of 2 takes 0.4 of the original's time here (4 ms instead of 10 ms" in told
    assert f"zoo-compress resume {case.out} --budget latency=0.413" in told
    assert raised.value.exit_code == 8
    assert not (case.out / "run.json").exists()
    assert TrialStore(case.out / TRIALS).site_times()


def test_such_a_run_goes_on_with_another_budget_and_what_was_measured(
    case: Case, machine: Machine
) -> None:
    with pytest.raises(BudgetError):
        run(case.settings(budget="latency=0.1"))
    sites, races = machine.sites, list(machine.races)
    report = resume(case.out, budget="latency=0.413").report
    assert machine.sites == sites
    assert machine.races[: len(races)] == races
    # The fastest plan was measured already, and no other keeps this.
    assert machine.races.count(3) == 1
    assert report["budget"] == "latency=0.413"
    assert report["latency"]["ratio"] == pytest.approx(0.4)
    assert json.loads((case.out / "settings.json").read_text())["budget"] == "latency=0.413"


@pytest.mark.parametrize(("own", "other"), [("0.3", "latency=0.5"), ("latency=0.7", "0.3")])
def test_no_other_kind_of_run_goes_on_with_another_budget(
    case: Case, machine: Machine, own: str, other: str
) -> None:
    case.out.mkdir()
    case.settings(budget=own).save()
    with pytest.raises(BudgetError, match="only from one of latency to another; its own is"):
        resume(case.out, budget=other)


def test_a_finished_run_is_resumed_without_timing_anything_again(
    finished: Case, machine: Machine
) -> None:
    first = json.loads((finished.out / "run.json").read_text("utf-8"))
    again = resume(finished.out).report
    assert (machine.races, machine.sites) == ([], 0)
    assert again["trial"] == first["trial"]
    assert again["latency"] == first["latency"]


def test_an_interrupted_run_ends_with_the_plan_of_an_uninterrupted_one(
    finished: Case, machine: Machine
) -> None:
    cut = finished.out.with_name("cut")
    shutil.copytree(finished.out, cut)
    with closing(sqlite3.connect(cut / TRIALS)) as connection, connection:
        connection.execute("DELETE FROM trial WHERE number > 1")
        # What was timed of whole models before the first trial: the ends and the knapsack's.
        connection.execute("DELETE FROM latency WHERE rowid > 3")
    resume(cut)
    trials = [TrialStore(folder / TRIALS).trials() for folder in (cut, finished.out)]
    assert trials[0] == trials[1]
    plans = [(folder / "plan.json").read_text("utf-8") for folder in (cut, finished.out)]
    assert plans[0] == plans[1]


def test_the_frontier_of_a_run_answers_another_latency_from_its_trials(
    finished: Case, machine: Machine
) -> None:
    found = frontier(finished.out, budget="latency=0.5")
    assert found.result is not None
    assert found.result.report["latency_budget"]["met"]
    assert found.result.report["latency"]["ratio"] == pytest.approx(0.4)
    assert found.chosen is not None
    assert found.chosen.latency_ratio == pytest.approx(0.4)
    assert machine.sites == 0
    # And a run for a latency answers a size.
    assert frontier(finished.out, budget="0.7").result is not None


def test_a_frontier_that_cannot_answer_a_latency_leaves_no_folder(
    finished: Case, machine: Machine
) -> None:
    with pytest.raises(BudgetError, match="or start a run with this budget"):
        frontier(finished.out, budget="latency=0.2")
    assert not (finished.out / "frontier" / "latency-0.2").exists()


def test_a_run_for_a_size_answers_a_latency_too(case: Case, machine: Machine) -> None:
    run(case.settings(budget="0.6", recipe="cpu-speed"))
    assert machine.sites == 0
    found = frontier(case.out, budget="latency=0.5")
    assert found.result is not None
    assert found.result.report["latency"]["ratio"] <= 0.5
    assert machine.sites > 0


def test_options_that_are_slower_than_the_original_are_told_and_never_chosen(
    case: Case, machine: Machine
) -> None:
    machine.site = 1.5
    with pytest.raises(BudgetError, match="none of the 3 options of recipe 'cpu-speed' that were"):
        run(case.settings(budget="latency=0.7"))
    assert all(time.slower for time in TrialStore(case.out / TRIALS).site_times())


def test_an_option_slower_on_one_site_is_left_out_there_alone(
    case: Case, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def time_site(openers: Sequence[Callable[[], object]], seconds: float) -> list[Latency]:
        machine.sites += 1
        return [latency(1.0), *(latency(2.0 if machine.sites == 1 else 0.5) for _ in openers[1:])]

    monkeypatch.setattr("zoo_compress.pipeline.site_timing._race", time_site)
    result = run(case.settings(budget="latency=0.7"))
    (slow,) = result.report["latency_budget"]["slower"]
    assert slow["ratio"] == 2.0
    chosen = {site["name"]: site["option"] for site in result.report["sites"]}
    assert chosen[slow["site"]] is None
    assert any(
        "slower than the original here and left out: static-int8" in note and "(2 times" in note
        for note in result.notes
    )


def test_a_result_whose_runs_lie_on_both_sides_of_the_budget_comes_with_a_note(
    case: Case, machine: Machine
) -> None:
    machine.spread = 0.3
    result = run(case.settings(budget="latency=0.7", trials=2))
    assert result.report["latency_budget"]["met"]
    told = "within the budget of 0.7, but their middle half is 0.3 to 0.9: the machine was busy"
    assert any(told in note for note in result.notes)
    # Two weights are near the budget, and raced thrice; so are one and all, whose spread reaches.
    assert machine.races.count(2) == 3


def test_a_recipe_whose_models_run_as_the_original_does_is_refused_at_once(case: Case) -> None:
    with pytest.raises(BudgetError, match=r"'balanced' run as the original does .* cpu-speed"):
        run(case.settings(budget="latency=0.7", recipe="balanced"))
    assert not case.out.exists()


def test_sites_are_timed_with_what_they_take_in(case: Case) -> None:
    study = build_study(case.settings(budget="latency=0.7"), lambda _: None)
    stages: list[tuple[int, int | None]] = []
    times = time_sites(study, lambda report: stages.append((report.done, report.total)))
    assert {time.site for time in times} == {"stem", "body", "head"}
    assert all(min(time.original_ns, time.alone_ns, time.amid_ns) > 0 for time in times)
    assert stages[-1] == (3, 3)


def test_sites_that_are_alike_are_timed_once(case: Case, machine: Machine) -> None:
    study = build_study(case.settings(budget="latency=0.7"), lambda _: None)
    times = time_sites(study, lambda _: None)
    assert machine.sites == len(times) == 3
    machine.sites = 0
    twin = onnx.load(case.model)
    head = next(node for node in twin.graph.node if node.op_type == "Gemm")
    twin.graph.initializer.append(_renamed(twin, "head", "other"))
    twin.graph.node.append(
        onnx.helper.make_node("Gemm", [head.input[0], "other"], ["more"], transB=1)
    )
    output = onnx.ValueInfoProto()
    output.CopyFrom(twin.graph.output[0])
    output.name = "more"
    twin.graph.output.append(output)
    onnx.save(twin, case.model)
    study = build_study(case.settings(budget="latency=0.7"), lambda _: None)
    times = time_sites(study, lambda _: None)
    assert len(times) == 4
    assert machine.sites == 3


def _renamed(model: onnx.ModelProto, name: str, other: str) -> onnx.TensorProto:
    copy = onnx.TensorProto()
    copy.CopyFrom(next(t for t in model.graph.initializer if t.name == name))
    copy.name = other
    return copy


def test_an_option_that_does_not_run_by_itself_is_left_out_and_recorded(
    case: Case, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[bytes] = []
    true_open = FedSession.open

    def fails_on_the_first(
        model: bytes, supplied: Mapping[str, AnyArray], feed: Feed, device: Device
    ) -> FedSession:
        opened.append(model)
        if len(opened) == 1:
            raise SourceError("no kernel for this")
        return true_open(model, supplied, feed, device)

    monkeypatch.setattr(FedSession, "open", fails_on_the_first)
    report = run(case.settings(budget="latency=0.7")).report
    (untimed,) = report["latency_budget"]["untimed"]
    chosen = {site["name"]: site for site in report["sites"]}
    assert chosen[untimed["site"]]["option"] is None
    assert chosen[untimed["site"]]["time"] is None
