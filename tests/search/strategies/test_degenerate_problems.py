"""Distances and limits at the edge of what a search may meet, for every strategy."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest

from zoo_compress.registry import load_plugin
from zoo_compress.search.loop import run_trials
from zoo_compress.search.store import TrialStore
from zoo_compress.testing.problems import (
    OBJECTIVES,
    draw_problem,
    problem_of,
    with_objective,
)
from zoo_compress.testing.trials import choices, explored, measured

every_strategy = pytest.mark.parametrize("name", ["gp", "knapsack", "random", "swap"])


def searched(name, problem, *, trials, told=(), distances=(None,)):
    turns = cycle(distances)
    for _ in told:
        next(turns)
    return explored(
        load_plugin("strategies", name)(problem),
        lambda plan: measured(problem, plan, distance=next(turns)),
        trials=trials,
        told=told,
    )


@every_strategy
def test_an_infinite_distance_does_not_change_a_resumed_search(name):
    problem = draw_problem(1, sites=8)
    distances = [1, 2, np.inf, 1.5, 1.2, 1.1, 1.3, 1.4, 1.05, 1.6, 50, 1]
    whole = searched(name, problem, trials=12, distances=distances)
    again = searched(name, problem, trials=12, told=whole[:11], distances=distances)
    assert choices(again) == choices(whole)


@every_strategy
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_the_unit_of_the_distance_does_not_matter(name, objective, factor):
    drawn = draw_problem(19)
    table = drawn.space.level_bytes.astype(int).tolist()
    scaled = problem_of(table, factor * drawn.sensitivity.distortion, drawn.limit)
    found, expected = (
        choices(searched(name, with_objective(problem, objective), trials=3))
        for problem in (scaled, drawn)
    )
    assert found == expected


@every_strategy
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_distance_of_another_power_can_be_searched(name, objective):
    problem = with_objective(draw_problem(22, power=0.5), objective)
    trials = searched(name, problem, trials=9)
    assert trials
    assert all(trial.measurement.stored_bytes <= problem.limit for trial in trials)


@every_strategy
def test_a_limit_that_only_the_smallest_plan_meets_is_met(name):
    space = draw_problem(23).space
    table, distortion = space.level_bytes.tolist(), draw_problem(23).sensitivity.distortion
    problem = problem_of(table, distortion, space.separable_bytes(space.smallest))
    trials = searched(name, problem, trials=5)
    assert [problem.space.theta(trial.plan).tolist() for trial in trials] == [[7] * 6]


@every_strategy
def test_the_loop_ends_when_a_strategy_has_nothing_left(tmp_path, name):
    problem = problem_of([[100, 50, 20]] * 2, [[0, 1, 2], [0, 1, 2]], 180)
    found = run_trials(
        load_plugin("strategies", name)(problem),
        lambda plan: measured(problem, plan),
        TrialStore(tmp_path / "trials.sqlite"),
        trials=30,
    )
    assert 1 <= len(found) <= 9
