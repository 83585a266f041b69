"""Distances and spaces at the edge of what a search may meet, for every strategy."""

from __future__ import annotations

import numpy as np
import pytest

from zoo_compress.core import ignore_progress
from zoo_compress.registry import load_plugin
from zoo_compress.search.loop import run_trials
from zoo_compress.search.store import TrialStore

STRATEGIES = ["gp", "knapsack", "random", "swap"]
every_strategy = pytest.mark.parametrize("name", STRATEGIES)


@every_strategy
@pytest.mark.parametrize(
    "distances",
    [[np.nan], [np.inf], [np.nan, 1.0, np.inf], [0.0], [1e-300, 1e30]],
    ids=["nan", "inf", "mixed", "zero", "extreme"],
)
def test_any_distance_can_be_told(draw_problem, explore, name, distances):
    trials = explore(name, draw_problem(18), distances=distances)
    assert len(trials) == (1 if name == "knapsack" else 8)


@every_strategy
def test_an_infinite_distance_does_not_change_a_resumed_search(
    draw_problem, explore, labels, name
):
    problem = draw_problem(1, sites=8)
    told = {"distances": [1, 2, np.inf, 1.5, 1.2, 1.1, 1.3, 1.4, 1.05, 1.6, 50, 1], "trials": 12}
    whole = explore(name, problem, **told)
    assert labels(explore(name, problem, told=whole[:11], **told)) == labels(whole)


@every_strategy
@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_the_unit_of_the_distance_does_not_matter(
    make_problem, draw_problem, explore, labels, name, factor
):
    drawn = draw_problem(19)
    table = drawn.space.level_bytes.astype(int)
    distortion = factor * drawn.sensitivity.distortion
    scaled = make_problem(table, distortion, drawn.limit_bytes)
    found, expected = (labels(explore(name, p, trials=3)) for p in (scaled, drawn))
    assert found == expected


TINY = {
    "one site": ([[100, 50, 40, 20]], [[0, 1, 2, 3]], 150),
    "one plan": ([[100, 50, 20], [100, 40, 20]], [[0, 1, 2], [0, 1, 2]], 140),
    "equal bytes": ([[100, 50, 50], [100, 50, 50]], [[0, 1, 2], [0, 2, 1]], 200),
    "equal costs": ([[100, 50, 20], [100, 50, 20]], [[0, 1, 1], [0, 1, 1]], 180),
}


@every_strategy
@pytest.mark.parametrize("space", TINY)
def test_a_search_of_a_tiny_space_ends(make_problem, measure, labels, tmp_path, name, space):
    table, distortion, limit = TINY[space]
    problem = make_problem(table, distortion, limit)
    found = run_trials(
        load_plugin("strategies", name)(problem),
        lambda plan: measure(problem, plan).measurement,
        TrialStore(tmp_path / "trials.sqlite"),
        trials=12,
        deadline=None,
        progress=ignore_progress,
    )
    assert 1 <= len(found) <= 12
    assert all(trial.measurement.stored_bytes <= limit for trial in found)
    if name != "random":
        assert len({str(plan) for plan in labels(found)}) == len(found)


FREE = {
    "zero costs": ([[100, 50, 20]] * 3, np.zeros((3, 3)), 250),
    "everything fits": ([[100, 50, 20]] * 3, [[0, 1, 2]] * 3, 1000),
}


@pytest.mark.parametrize("space", FREE)
@every_strategy
def test_a_budget_that_costs_nothing_by_prediction_can_be_searched(
    make_problem, explore, name, space
):
    problem = make_problem(*FREE[space])
    assert explore(name, problem, distances=[0.0, 0.5, 0.2])
