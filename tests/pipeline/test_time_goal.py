"""What is known about who keeps a budget of latency, with times that are given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.conftest import make_case
from tests.pipeline.test_latency_budget import Machine
from zoo_compress.core import ignore_progress
from zoo_compress.errors import BudgetError
from zoo_compress.pipeline.study import Study, build_study
from zoo_compress.pipeline.time_goal import TimeGoal
from zoo_compress.pipeline.timed import timed
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.store import TrialStore
from zoo_compress.testing.trials import trial_of


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Study:
    case = make_case(tmp_path_factory.mktemp("goal"))
    case.out.mkdir()
    return build_study(case.settings(budget="latency=0.7"), ignore_progress)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    given = Machine()
    given.patch(monkeypatch)
    return given


@pytest.fixture
def goal(built: Study, machine: Machine, tmp_path: Path) -> TimeGoal:
    store = TrialStore(tmp_path / "trials.sqlite")
    _, found = timed(built, store, progress=ignore_progress)
    assert found is not None
    return found


def test_the_original_and_the_fastest_plan_are_measured_first(
    goal: TimeGoal, machine: Machine
) -> None:
    assert goal.ends == pytest.approx((1.0, 0.4))
    assert machine.races == [0, 3]


def test_sites_have_the_company_that_goes_with_the_budget(goal: TimeGoal) -> None:
    """A plan that takes 0.7 of the time is halfway from 1.0 to 0.4."""
    np.testing.assert_array_equal(goal.costs.levels, goal.table.costs(0.5).levels)


def test_plans_of_the_knapsack_show_what_their_times_come_to(
    goal: TimeGoal, machine: Machine
) -> None:
    # One weight is enough by the sum of times, but whole models need two.
    machine.share = lambda weights: (1.0, 0.9, 0.6, 0.4)[weights]
    distortion = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 4.0]])
    curve, starts = goal.first_curve(Sensitivity(distortion=distortion))
    assert [len(plan.choices) for plan in starts] == [2]
    two = goal.costs.total(goal.space.theta(starts[0]))
    assert curve.expected(two) == pytest.approx(0.6)


def test_the_best_trial_so_far_is_the_closest_that_is_not_known_to_miss(goal: TimeGoal) -> None:
    close = trial_of(goal.space, [1, 0, 0], 0, distance=0.1)
    far = trial_of(goal.space, [1, 1, 1], 1, distance=5.0)
    middle = trial_of(goal.space, [1, 1, 0], 2, distance=1.0)
    assert goal.best([]) is None
    assert goal.best([close]) is None
    assert goal.best([close, far]) is far
    assert goal.stopwatch.latency(middle.plan).ratio <= 0.7
    assert goal.best([close, far, middle]) is middle


def test_the_choice_is_timed_and_keeps_the_budget(goal: TimeGoal) -> None:
    trials = [
        trial_of(goal.space, theta, number, distance=1.0 + number)
        for number, theta in enumerate(([1, 0, 0], [1, 1, 0], [1, 1, 1]))
    ]
    chosen, latency = goal.choose(trials)
    assert chosen.number == 1
    assert latency.ratio == pytest.approx(0.6)


def test_trials_that_all_miss_leave_no_choice(goal: TimeGoal) -> None:
    with pytest.raises(BudgetError, match="the fastest of 2 takes 0\\.4 of"):
        goal.choose([trial_of(goal.space, [1, 0, 0])])


def test_a_plan_with_an_option_slower_than_the_original_is_never_chosen(
    built: Study, machine: Machine, tmp_path: Path
) -> None:
    machine.site = 1.2
    store = TrialStore(tmp_path / "other.sqlite")
    folder = tmp_path / "size"
    folder.mkdir()
    with pytest.raises(BudgetError, match="none of the 3 options"):
        timed(built, store, progress=ignore_progress)
    assert len(store.site_times()) == 3
    # A run for a size may have trials of such plans; a budget of latency takes none of them.
    goal = _of_a_run_for_size(built, store, folder)
    assert goal.best([trial_of(goal.space, [1, 1, 1])]) is None
    assert goal.best([trial_of(goal.space, [0, 0, 0])]) is None


def _of_a_run_for_size(built: Study, store: TrialStore, folder: Path) -> TimeGoal:
    replace(built.settings, budget="0.5", out=folder).save()
    _, found = timed(built, store, progress=ignore_progress, run=folder)
    assert found is not None
    return found
