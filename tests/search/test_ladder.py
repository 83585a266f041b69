from __future__ import annotations

import math

import numpy as np
import pytest

from zoo_compress.search.ladder import WithLadder
from zoo_compress.search.strategies.knapsack import KnapsackStrategy
from zoo_compress.search.strategies.swap import SwapStrategy
from zoo_compress.testing.problems import draw_problem, problem_of
from zoo_compress.testing.trials import choices, explored, measured, restored

RUNGS = 12
TRIALS = 5
SHARED = {(site, level): {f"mask{level}": 24} for site in range(10) for level in range(1, 8)}


@pytest.fixture(scope="module")
def problem():
    return draw_problem(6, sites=10, share=0.125, shared=SHARED)


def climbed(problem, *, told=(), inner=SwapStrategy, trials=TRIALS, rungs=RUNGS):
    strategy = WithLadder(inner(problem), problem, trials=trials, rungs=rungs)
    return explored(
        strategy, lambda plan: measured(problem, plan), trials=trials + rungs + 1, told=told
    )


def rung_sizes(problem, rungs=RUNGS):
    space = problem.space
    mildest = np.minimum(space.levels - 1, 1)
    ends = (space.separable_bytes(mildest), space.separable_bytes(space.smallest))
    return np.geomspace(*ends, rungs)


def sizes_of(trials):
    return np.array([trial.measurement.stored_bytes for trial in trials])


def test_first_come_the_strategys_own_plans(problem):
    alone = explored(SwapStrategy(problem), lambda plan: measured(problem, plan), trials=TRIALS)
    assert choices(climbed(problem)[:TRIALS]) == choices(alone)


def test_afterwards_every_size_of_the_range_has_a_plan_near_it(problem):
    trials = climbed(problem)
    rungs = rung_sizes(problem)
    step = math.log(rungs[0] / rungs[1])
    apart = np.abs(np.log(rungs[:, None] / sizes_of(trials)[None]))
    assert apart.min(axis=1).max() < step
    assert len(trials) <= TRIALS + RUNGS


def test_sizes_that_were_measured_are_left_out(problem):
    """All trials of the strategy have one size, which one or two rungs lie near."""
    trials = climbed(problem)
    rungs = rung_sizes(problem)
    half = 0.5 * math.log(rungs[0] / rungs[1])
    near = np.abs(np.log(rungs[:, None] / sizes_of(trials[:TRIALS])[None])).min(axis=1) < half
    assert near.any()
    assert len(trials) == TRIALS + RUNGS - near.sum()


def test_the_rungs_go_down_and_their_plans_fit_them(problem):
    sizes = sizes_of(climbed(problem))[TRIALS:]
    assert (np.diff(sizes) < 0).all()
    assert sizes[0] <= rung_sizes(problem)[0]
    # The constants that a plan does not use do not count in its stored bytes.
    assert sizes[-1] <= rung_sizes(problem)[-1]


def test_asking_twice_gives_the_same_plan(problem):
    whole = climbed(problem)
    for count in (0, TRIALS, TRIALS + 1, len(whole)):
        strategy = WithLadder(SwapStrategy(problem), problem, trials=TRIALS, rungs=RUNGS)
        for trial in whole[:count]:
            strategy.tell(trial)
        assert strategy.ask() == strategy.ask()


@pytest.mark.parametrize("inner", [SwapStrategy, KnapsackStrategy])
def test_a_ladder_that_is_told_the_trials_of_a_store_goes_on_in_the_same_way(problem, inner):
    whole = climbed(problem, inner=inner)
    for stopped_after in range(1, len(whole)):
        told = [restored(trial) for trial in whole[:stopped_after]]
        assert choices(climbed(problem, inner=inner, told=told)) == choices(whole)


def test_a_strategy_that_ends_early_is_followed_by_the_ladder(problem):
    trials = climbed(problem, inner=KnapsackStrategy)
    assert len(trials) > RUNGS / 2
    assert trials[0].measurement.stored_bytes <= problem.limit
    assert len({str(plan) for plan in choices(trials)}) == len(trials)


def test_the_strategy_learns_of_the_rungs_too(problem):
    class Listening(KnapsackStrategy):
        heard = 0

        def tell(self, trial):
            Listening.heard += 1
            super().tell(trial)

    trials = climbed(problem, inner=Listening)
    assert Listening.heard == len(trials)


def test_no_rungs_are_none(problem):
    assert len(climbed(problem, rungs=0)) == TRIALS
    assert 0 <= len(climbed(problem, rungs=1)) - TRIALS <= 1


TINY = {
    "one site": ([[100, 50, 40, 20]], [[0, 1, 2, 3]], 200),
    "no option": ([[100], [50]], [[0], [0]], 250),
    "one size": ([[100, 50, 50]], [[0, 1, 2]], 200),
}


@pytest.mark.parametrize("space", TINY)
def test_a_ladder_in_a_space_of_few_plans_ends_without_measuring_one_twice(space):
    problem = problem_of(*TINY[space])
    trials = climbed(problem, inner=KnapsackStrategy)
    assert 1 <= len(trials) <= problem.space.levels.prod()
    assert len({str(plan) for plan in choices(trials)}) == len(trials)


def test_a_ladder_in_a_space_of_few_plans_resumes_as_it_went_on():
    shared = {(0, level): {"mask": 24} for level in (1, 2, 3)}
    problem = problem_of(*TINY["one site"], shared=shared)
    whole = climbed(problem, inner=KnapsackStrategy)
    for stopped_after in range(1, len(whole) + 1):
        told = [restored(trial) for trial in whole[:stopped_after]]
        again = climbed(problem, inner=KnapsackStrategy, told=told)
        assert choices(again) == choices(whole)
