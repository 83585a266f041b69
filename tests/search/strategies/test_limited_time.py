"""What every strategy does where time is limited instead of bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoo_compress.registry import load_plugin
from zoo_compress.search.costs import Costs
from zoo_compress.search.ladder import WithLadder
from zoo_compress.search.problem import History, Problem
from zoo_compress.testing.problems import draw_problem
from zoo_compress.testing.trials import choices, explored, measured, trial_of

every_strategy = pytest.mark.parametrize("name", ["gp", "knapsack", "random", "swap"])


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Seven options a site, the times of which are in no order."""
    drawn = draw_problem(3, sites=8)
    rng = np.random.default_rng(0)
    levels = np.rint(1e6 * rng.uniform(0.2, 1.2, drawn.space.level_bytes.shape))
    levels[:, 0] = 1e6
    costs = Costs(levels=levels)
    return replace(drawn, given_costs=costs, limit=int(0.6 * costs.total(drawn.space.largest)))


def searched(name, problem, *, trials=12, told=()):
    strategy = load_plugin("strategies", name)(problem)
    return explored(strategy, lambda plan: measured(problem, plan), trials=trials, told=told)


def times_of(problem, trials):
    thetas = np.array([problem.space.theta(trial.plan) for trial in trials])
    return problem.costs.totals(thetas)


@every_strategy
def test_all_plans_keep_the_limit(name, problem):
    trials = searched(name, problem)
    assert trials
    assert times_of(problem, trials).max() <= problem.limit


@every_strategy
def test_a_resumed_search_is_the_uninterrupted_one(name, problem):
    whole = searched(name, problem)
    again = searched(name, problem, told=whole[: len(whole) // 2])
    assert choices(again) == choices(whole)


def test_bytes_do_not_count(problem):
    """A knapsack for time takes other options than one for bytes at the same share."""
    by_time = searched("knapsack", problem, trials=1)
    space = problem.space
    limit = int(0.6 * space.separable_bytes(space.largest))
    by_bytes = searched("knapsack", replace(problem, given_costs=None, limit=limit), trials=1)
    assert choices(by_time) != choices(by_bytes)
    assert times_of(problem, by_bytes)[0] > problem.limit


def test_the_plan_to_improve_on_keeps_the_limit(problem):
    """Though a closer one was measured that does not."""
    history = History(problem.space)
    history.add(trial_of(problem.space, problem.space.largest, 0, distance=1e-6))
    history.add(trial_of(problem.space, problem.costs.least, 1, distance=5.0))
    np.testing.assert_array_equal(history.best(problem), problem.costs.least)


def test_rungs_for_the_frontier_lie_below_the_original(problem):
    inner = load_plugin("strategies", "knapsack")(problem)
    rungs = 6
    trials = explored(
        WithLadder(inner, problem, trials=1, rungs=rungs),
        lambda plan: measured(problem, plan),
        trials=20,
    )
    times = times_of(problem, trials[1:])
    original, least = (
        problem.costs.total(t) for t in (problem.space.largest, problem.costs.least)
    )
    assert (np.diff(times) < 0).all()
    assert times[0] < original
    step = np.log(original / least) / rungs
    assert np.log(times[-1] / least) < step
    assert 3 <= len(times) <= rungs
