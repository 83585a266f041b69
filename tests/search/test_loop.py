from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from zoo_compress.core import Measurement
from zoo_compress.search import loop
from zoo_compress.search.deadline import Deadline
from zoo_compress.search.loop import run_trials
from zoo_compress.search.store import TrialStore


class Scripted:
    """Proposes given plans one after the other and keeps what it is told."""

    def __init__(self, plans) -> None:
        self._plans = plans
        self.told = []

    def ask(self):
        return self._plans[len(self.told)] if len(self.told) < len(self._plans) else None

    def tell(self, trial) -> None:
        self.told.append(trial)


class Meter:
    """Measures by a table of distances and keeps what it was asked for."""

    def __init__(self, distances, *, raises_at=None, takes=lambda: None) -> None:
        self._distances, self._raises_at, self._takes = distances, raises_at, takes
        self.plans = []

    def __call__(self, plan) -> Measurement:
        self.plans.append(plan)
        self._takes()
        if len(self.plans) == self._raises_at:
            raise RuntimeError("the evaluator broke")
        distance = self._distances[len(self.plans) - 1]
        return Measurement(distance=distance, variance=0.01, inputs=4, stored_bytes=10)


@pytest.fixture(scope="module")
def plans(make_space):
    space = make_space([[100, 60, 40], [80, 30, 20]])
    return [space.plan(np.array([i, j])) for i in range(3) for j in range(3)]


@pytest.fixture
def store(tmp_path):
    return TrialStore(tmp_path / "trials.sqlite")


def search(strategy, measure, store, *, trials=5, **options):
    return run_trials(strategy, measure, store, trials=trials, **options)


def numbers(trials) -> list[int]:
    return [trial.number for trial in trials]


def test_trials_are_made_up_to_the_number_asked_for(plans, store):
    strategy, measure = Scripted(plans), Meter([5, 4, 3, 2, 1])
    found = search(strategy, measure, store, trials=5)
    assert measure.plans == plans[:5]
    assert [trial.plan for trial in found] == plans[:5]
    assert [trial.measurement.distance for trial in found] == [5, 4, 3, 2, 1]
    assert numbers(found) == [0, 1, 2, 3, 4]
    assert strategy.told == found


def test_a_strategy_that_has_nothing_left_ends_the_search(plans, store):
    found = search(Scripted(plans[:3]), Meter([5, 4, 3]), store, trials=100)
    assert numbers(found) == numbers(store.trials()) == [0, 1, 2]


def test_stored_trials_are_told_and_not_measured_again(plans, store):
    search(Scripted(plans), Meter([5, 4]), store, trials=2)
    strategy, measure = Scripted(plans), Meter([3, 2])
    found = search(strategy, measure, store, trials=4)
    assert measure.plans == plans[2:4]
    assert numbers(strategy.told) == numbers(found) == numbers(store.trials()) == [0, 1, 2, 3]
    assert [trial.measurement.distance for trial in found] == [5, 4, 3, 2]


def test_stored_trials_beyond_the_number_asked_for_are_left_out(plans, store):
    search(Scripted(plans), Meter([5, 4, 3]), store, trials=3)
    strategy, measure = Scripted(plans), Meter([])
    assert numbers(search(strategy, measure, store, trials=2)) == [0, 1]
    assert numbers(strategy.told) == [0, 1]
    assert measure.plans == []
    assert len(store.trials()) == 3


def test_a_measurement_that_fails_leaves_the_trials_before_it_in_the_store(plans, store):
    with pytest.raises(RuntimeError, match="the evaluator broke"):
        search(Scripted(plans), Meter([5, 4, 3], raises_at=3), store)
    assert [t.measurement.distance for t in store.trials()] == [5, 4]


def test_a_trial_is_in_the_store_before_the_next_one_is_measured(plans, store):
    stored = []
    measure = Meter([5, 4, 3, 2, 1], takes=lambda: stored.append(len(store.trials())))
    search(Scripted(plans), measure, store)
    assert stored == [0, 1, 2, 3, 4]


class SlowMachine:
    """A clock that a measurement moves by ten seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def ten_seconds(self) -> None:
        self.now += 10

    def deadline(self, end, **options) -> Deadline:
        return Deadline(end=end, clock=lambda: self.now, **options)


def test_one_trial_is_made_although_the_deadline_has_passed(plans, store):
    slow = SlowMachine()
    measure = Meter([5, 4], takes=slow.ten_seconds)
    assert numbers(search(Scripted(plans), measure, store, deadline=slow.deadline(-1))) == [0]


@pytest.mark.parametrize(("slack", "count"), [(0, 3), (4, 3), (6, 4)])
def test_a_trial_that_would_end_after_the_deadline_is_begun_only_within_the_slack(
    plans, store, slack, count
):
    slow = SlowMachine()
    measure = Meter([5, 4, 3, 2, 1], takes=slow.ten_seconds)
    deadline = slow.deadline(35, slack=slack)
    found = search(Scripted(plans), measure, store, deadline=deadline)
    assert numbers(found) == list(range(count))
    assert slow.now == 10 * count


def test_time_is_kept_for_what_follows_the_search(plans, store):
    slow = SlowMachine()
    measure = Meter([5, 4, 3, 2, 1], takes=slow.ten_seconds)
    # What follows turns out, after two trials, to take longer than thought.
    deadline = slow.deadline(60, reserve=lambda: 5 if slow.now < 20 else 25)
    assert numbers(search(Scripted(plans), measure, store, deadline=deadline)) == [0, 1, 2]


@pytest.mark.parametrize(("turn", "made"), [(0, 1), (30, 0)])
def test_a_resumed_search_makes_a_trial_only_if_there_is_time(plans, store, turn, made):
    search(Scripted(plans), Meter([5]), store, trials=1)
    slow = SlowMachine()
    measure = Meter([4], takes=slow.ten_seconds)
    search(Scripted(plans), measure, store, deadline=slow.deadline(5, turn=turn))
    assert len(measure.plans) == made


def test_all_trials_so_far_are_handed_over_before_their_progress_is_reported(plans, store):
    events = []
    search(
        Scripted(plans),
        Meter([5, 4]),
        store,
        trials=2,
        keep=lambda trials: events.append(numbers(trials)),
        progress=lambda report: events.append(report.done),
    )
    assert events == [[0], 1, [0, 1], 2]


def test_progress_names_the_best_distance_so_far(plans, store):
    reports = []
    search(Scripted(plans), Meter([5, 2.5, 3]), store, trials=3, progress=reports.append)
    assert [(r.stage, r.done, r.total) for r in reports] == [("search", n, 3) for n in (1, 2, 3)]
    assert [r.detail for r in reports] == [f"best distance {d}" for d in ("5", "2.5", "2.5")]


def test_the_time_for_proposals_adds_up_in_the_store(plans, store, monkeypatch):
    clock = SimpleNamespace(now=0.0, perf_counter=lambda: clock.now)
    monkeypatch.setattr(loop, "time", clock)

    class Slow(Scripted):
        def ask(self):
            clock.now += 2
            return super().ask()

    search(Slow(plans), Meter([5, 4, 3, 2, 1]), store, trials=3)
    assert store.seconds() == {"propose": 6.0}
