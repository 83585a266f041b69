"""The arithmetic of the time limit, with clocks and durations that are given."""

import time

import pytest

from tests.pipeline.conftest import Case
from zoo_compress.core import ignore_progress
from zoo_compress.pipeline import resume, run
from zoo_compress.pipeline.attempt import open_attempt
from zoo_compress.pipeline.deadline import (
    LARGEST_OVERRUN,
    TOLERANCE,
    overrun_note,
    process_start,
    search_deadline,
)
from zoo_compress.pipeline.fingerprint import fingerprint, noted_ranking
from zoo_compress.pipeline.latency import LIMIT_SHARE, latency_seconds
from zoo_compress.pipeline.pace import (
    REMEMBERED_LAPS,
    SECONDS_TO_CLOSE,
    SECONDS_TO_START,
    Lap,
    Pace,
    Rehearsal,
)
from zoo_compress.pipeline.rehearsal import rehearse
from zoo_compress.pipeline.spending import SECONDS_BETWEEN_CHARGES, Spending
from zoo_compress.pipeline.study import build_study
from zoo_compress.report.seconds import PHASES
from zoo_compress.runtime.race import SECONDS, expected_seconds
from zoo_compress.search.store import TrialStore

LAP = Lap(session=1.0, forward=10.0, rest=4.0)


def pace(lap: Lap = LAP) -> Pace:
    return Pace(lap, search_inputs=50, certification_inputs=200)


def timing(opening: float, pair: float) -> float:
    """What comparing latencies takes; tests/runtime/test_latency.py has its arithmetic."""
    return expected_seconds(opening=opening, pair=pair)


def test_finishing_runs_the_search_inputs_three_times_and_pairs_of_the_others() -> None:
    gate = 3 * 10 + 2 * 1 + SECONDS_TO_START
    certificate = 2 * 1 + 4 * (2 * 10 + 4)
    times = timing(2, (2 * 10 + 4) / 50)
    expected = gate + certificate + times + SECONDS_TO_CLOSE
    assert pace().seconds_to_finish() == pytest.approx(expected)
    assert pace().measurement == 15


def test_a_rehearsal_replaces_what_was_assumed() -> None:
    tried = pace()
    tried.adopt(Rehearsal(writing=7.0, starting=3.0, opening=5.0, pair=0.5))
    gate = 3 * 10 + 2 * 1 + 3
    expected = 7 + gate + 5 + 200 * 0.5 + timing(5, 0.5) + SECONDS_TO_CLOSE
    assert tried.seconds_to_finish() == pytest.approx(expected)


def test_on_a_machine_that_becomes_busy_pairs_take_longer_as_forwards_do() -> None:
    tried = pace()
    tried.adopt(Rehearsal(writing=0.0, starting=0.0, opening=0.0, pair=0.5))
    for _ in range(REMEMBERED_LAPS):
        tried.learn(Lap(session=1.0, forward=30.0, rest=4.0))
    gate = 3 * 30 + 2 * 1
    expected = gate + 3 * 200 * 0.5 + timing(0, 3 * 0.5) + SECONDS_TO_CLOSE
    assert tried.seconds_to_finish() == pytest.approx(expected)


def test_a_model_that_takes_no_time_can_be_rehearsed() -> None:
    tried = pace(Lap(session=0.0, forward=0.0))
    tried.adopt(Rehearsal(writing=0.0, starting=0.0, opening=0.0, pair=0.0))
    assert tried.seconds_to_finish() == SECONDS_TO_CLOSE


def test_the_search_ends_so_early_that_the_command_ends_in_time() -> None:
    deadline = search_deadline(200, began=50.0, pace=pace(), clock=lambda: 90.0)
    assert deadline is not None
    assert deadline.left == pytest.approx(50 + 200 - 90 - pace().seconds_to_finish())
    assert deadline.turn == pace().measurement
    assert deadline.slack == 200 * LARGEST_OVERRUN < 200 * TOLERANCE


def test_without_a_limit_there_is_no_deadline_and_no_note() -> None:
    assert search_deadline(None, began=0.0, pace=pace()) is None
    assert overrun_note(None, elapsed=1e9, finishing=1.0) is None


def test_a_limit_that_was_overrun_by_more_than_5_percent_is_noted_with_the_reason() -> None:
    assert overrun_note(100, elapsed=105, finishing=30) is None
    note = overrun_note(100, elapsed=140, finishing=30)
    assert note is not None
    assert "time limit of 100 s" in note
    assert "searching took 110 s" in note
    assert "certifying 30 s" in note


def test_a_short_time_limit_leaves_little_for_timing_the_result() -> None:
    assert latency_seconds(None) == latency_seconds(3600) == SECONDS
    assert latency_seconds(20) == pytest.approx(20 * LIMIT_SHARE)


def test_a_process_is_at_least_as_old_as_this_module() -> None:
    started = process_start()
    assert started <= LOADED
    assert time.perf_counter() - started < 24 * 3600


LOADED = time.perf_counter()


def test_a_rehearsal_leaves_nothing_behind_and_measures_every_part(case: Case) -> None:
    case.out.mkdir()
    study = build_study(case.settings(), ignore_progress)
    found = rehearse(study, study.sized.space.plan(study.sized.space.smallest))
    assert found is not None
    assert all(value > 0 for value in vars(found).values())
    assert list(case.out.iterdir()) == []


def test_a_measurement_teaches_the_pace(case: Case) -> None:
    case.out.mkdir()
    study = build_study(case.settings(), ignore_progress)
    attempt = open_attempt(study, began=time.perf_counter(), progress=ignore_progress)
    attempt.pace.learn(Lap(session=1e6, forward=1e6))
    for _ in range(REMEMBERED_LAPS):
        attempt.measure(study.sized.space.plan(study.sized.space.smallest))
    assert 0 < attempt.pace.measurement < 1e6


def test_a_run_within_its_limit_makes_its_trials_and_has_nothing_to_note(case: Case) -> None:
    report = run(case.settings(seconds=3600, trials=3)).report
    # Which of two tiny models is faster is up to what else the machine does.
    assert [note for note in report["notes"] if "as slow as" not in note] == []
    assert report["scan"]["measured"] == report["scan"]["planned"]
    assert report["evaluations"] >= report["scan"]["planned"] + 3


class FakeClock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_time_is_charged_to_the_parts_as_it_passes(case: Case) -> None:
    case.out.mkdir()
    study = build_study(case.settings(), ignore_progress)
    store, clock = TrialStore(case.out / "trials.sqlite"), FakeClock()
    spending = Spending(study, store, began=90.0, clock=clock)
    gathered = study.seconds["calibrate"] + study.seconds["rank"]
    before = spending.seconds()
    assert before["total"] == 10.0
    assert before["prepare"] == pytest.approx(10.0 - gathered, abs=2e-3)
    assert before["encode"] == before["rank"] == pytest.approx(study.seconds["rank"], abs=1e-3)
    study.candidates.seconds["forward"] += 5
    clock.now = 120.0
    spending.charge("scan")
    clock.now += SECONDS_BETWEEN_CHARGES / 2
    spending.charge_if_due("search")
    spent = spending.seconds()
    assert (spent["total"], spent["scan"], spent["search"]) == (30.0, 20.0, 0.0)
    assert (spent["forward"], spent["propose"]) == (5.0, 0.0)
    clock.now += SECONDS_BETWEEN_CHARGES
    spending.charge_if_due("search")
    assert spending.seconds()["search"] == 1.5 * SECONDS_BETWEEN_CHARGES
    study.candidates.seconds["forward"] += 7
    clock.now += 4
    spending.charge("finish")
    after = spending.seconds()
    assert after["finish"] == 4.0
    # The passes of the check and the certificate are not the search's.
    assert after["forward"] == 5.0
    assert sum(after[phase] for phase in PHASES) == pytest.approx(after["total"], abs=5e-3)


def test_options_are_ranked_within_a_share_of_the_time_and_alike_when_resumed(case: Case) -> None:
    long_ago = time.perf_counter() - 1000
    hurried = build_study(case.settings(seconds=1), ignore_progress, began=long_ago)
    assert hurried.sized.ranked == 0
    assert hurried.sized.space.options == hurried.sized.offered.options
    assert fingerprint(hurried)["number of ranked weights"] == "0"
    leisurely = build_study(case.settings(), ignore_progress)
    assert leisurely.sized.ranked == len(leisurely.sized.space.sites)
    assert "number of ranked weights" not in fingerprint(leisurely)
    again = build_study(case.settings(), ignore_progress, ranked=0)
    assert again.sized.space.options == hurried.sized.space.options


def test_a_hurried_run_is_resumed_with_the_options_that_it_had(case: Case) -> None:
    long_ago = time.perf_counter() - 1000
    run(case.settings(seconds=1, trials=3), began=long_ago)
    (case.out / "run.json").unlink()
    assert noted_ranking(case.out) == 0
    assert resume(case.out).report["evaluations"] > 3
