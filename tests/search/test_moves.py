from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.search.moves import perturbed_knapsack, random_plan, swapped
from zoo_compress.search.projection import knapsack

MOVES = {
    "swapped": lambda problem, rng: swapped(problem, start(problem), rng),
    "perturbed": perturbed_knapsack,
    "random": random_plan,
}


def start(problem):
    return knapsack(problem.space, problem.sensitivity.distortion, problem.limit_bytes)


@pytest.mark.parametrize("move", MOVES)
@given(seed=st.integers(0, 2**16), sites=st.integers(1, 8), share=st.floats(0.08, 1))
def test_a_move_ends_within_the_budget(draw_problem, move, seed, sites, share):
    problem = draw_problem(seed, sites=sites, share=share)
    theta = MOVES[move](problem, np.random.default_rng(seed))
    assert theta.dtype == np.int64
    assert problem.space.stored_bytes(theta) <= problem.limit_bytes
    assert ((theta >= 0) & (theta < problem.space.levels)).all()


@pytest.mark.parametrize("move", MOVES)
def test_a_move_is_a_function_of_the_generators_state(draw_problem, move):
    problem = draw_problem(3, sites=20)
    first, again = (MOVES[move](problem, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    others = {MOVES[move](problem, np.random.default_rng(s)).tobytes() for s in range(10)}
    assert len(others) > 2


def test_a_swap_leaves_its_start_alone_and_mostly_goes_elsewhere(draw_problem):
    problem = draw_problem(1, sites=20)
    theta = start(problem)
    before = theta.copy()
    rng = np.random.default_rng(0)
    moved = [(swapped(problem, theta, rng) != before).sum() for _ in range(50)]
    np.testing.assert_array_equal(theta, before)
    assert np.mean(np.array(moved) > 0) > 0.9
    assert np.median(moved) <= 8


def test_swaps_reach_plans_that_the_sensitivities_rank_lower(draw_problem):
    problem = draw_problem(1, sites=20)
    theta = start(problem)
    rng = np.random.default_rng(0)
    costs = [problem.sensitivity.additive(swapped(problem, theta, rng)) for _ in range(50)]
    assert np.mean(np.array(costs) > problem.sensitivity.additive(theta)) > 0.5


def test_perturbed_plans_scatter_around_the_knapsack_plan(draw_problem):
    problem = draw_problem(2, sites=30)
    theta = start(problem)
    rng = np.random.default_rng(0)
    perturbed = np.array([perturbed_knapsack(problem, rng) for _ in range(40)])
    scattered = np.array([random_plan(problem, rng) for _ in range(40)])
    assert np.abs(perturbed - theta).mean() < np.abs(scattered - theta).mean() / 2


def test_random_plans_use_all_levels_and_spread_over_every_site(draw_problem):
    problem = draw_problem(4, sites=12, share=0.15)
    rng = np.random.default_rng(0)
    drawn = np.array([random_plan(problem, rng) for _ in range(200)])
    assert set(drawn.ravel()) == set(range(8))
    assert min(len(set(levels)) for levels in drawn.T) >= 4
