from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.search.moves import (
    MOST_SITES_MOVED,
    SMALLEST_CORRECTED_SHARE,
    STEPS,
    corrected_knapsacks,
    neighbours,
    random_plan,
    swapped,
)
from zoo_compress.search.projection import knapsack, project


def corrected(problem, rng):
    """Return a knapsack plan for randomly corrected sensitivities."""
    corrections = 0.3 * rng.standard_normal((1, *problem.sensitivity.distortion.shape))
    total = float(problem.sensitivity.totals(start(problem)[None])[0])
    return corrected_knapsacks(problem, corrections, total)[0]


MOVES = {
    "swapped": lambda problem, rng: swapped(problem, start(problem), rng),
    "corrected": corrected,
    "random": random_plan,
}


def start(problem):
    return knapsack(problem.costs, problem.sensitivity.distortion, problem.limit)


@pytest.mark.parametrize("move", MOVES)
@given(seed=st.integers(0, 2**16), sites=st.integers(1, 8), share=st.floats(0.08, 1))
def test_a_move_ends_within_the_budget(draw_problem, move, seed, sites, share):
    problem = draw_problem(seed, sites=sites, share=share)
    theta = MOVES[move](problem, np.random.default_rng(seed))
    assert theta.dtype == np.int64
    assert problem.space.stored_bytes(theta) <= problem.limit
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
    swaps = np.array([swapped(problem, theta, rng) for _ in range(50)])
    costs = problem.sensitivity.totals(swaps)
    assert np.mean(costs > problem.sensitivity.totals(theta[None])) > 0.5


def test_corrected_plans_scatter_around_the_knapsack_plan(draw_problem):
    problem = draw_problem(2, sites=30)
    theta = start(problem)
    rng = np.random.default_rng(0)
    perturbed = np.array([corrected(problem, rng) for _ in range(40)])
    scattered = np.array([random_plan(problem, rng) for _ in range(40)])
    assert np.abs(perturbed - theta).mean() < np.abs(scattered - theta).mean() / 2


def test_random_plans_use_all_levels_and_spread_over_every_site(draw_problem):
    problem = draw_problem(4, sites=12, share=0.15)
    rng = np.random.default_rng(0)
    drawn = np.array([random_plan(problem, rng) for _ in range(200)])
    assert set(drawn.ravel()) == set(range(8))
    assert min(len(set(levels)) for levels in drawn.T) >= 4


def test_the_neighbours_of_one_plan_are_its_swaps(draw_problem):
    problem = draw_problem(5, sites=10)
    (found,) = neighbours(problem, [start(problem)], 1, np.random.default_rng(3))
    expected = swapped(problem, start(problem), np.random.default_rng(3))
    np.testing.assert_array_equal(found, expected)


def test_all_parents_have_neighbours_in_turn_within_the_budget(draw_problem):
    problem = draw_problem(5, sites=12, share=0.15)
    rng = np.random.default_rng(0)
    parents = [random_plan(problem, rng) for _ in range(3)]
    before = np.array(parents)
    found = neighbours(problem, parents, 30, rng)
    np.testing.assert_array_equal(parents, before)
    assert len(found) == 30
    assert problem.space.separable_sizes(np.array(found)).max() <= problem.limit
    distances = np.abs(np.array(found)[:, None] - before[None]).sum(axis=2)
    assert np.mean(distances.argmin(axis=1) == np.arange(30) % 3) > 0.8


def test_where_there_is_room_a_move_stays_as_it_was_made(make_problem):
    """Without a budget to meet or to spend, nothing but the moved sites changes."""
    problem = make_problem([[100, 50, 20]] * 8, [[0, 0, 0]] * 8, 10_000)
    middle = np.ones(8, np.int64)
    moved = np.array(neighbours(problem, [middle], 60, np.random.default_rng(0))) != middle
    assert set(moved.sum(axis=1)) == set(range(1, MOST_SITES_MOVED + 1))


@given(seed=st.integers(0, 2**16), sites=st.integers(1, 12), share=st.floats(0.08, 1))
def test_neighbours_are_drawn_site_by_site_and_projected_one_by_one(
    draw_problem, seed, sites, share
):
    problem = draw_problem(seed, sites=sites, share=share)
    rng = np.random.default_rng(seed)
    parents = [random_plan(problem, rng) for _ in range(2)]
    found = neighbours(problem, parents, 5, np.random.default_rng(seed))
    rng, distortion = np.random.default_rng(seed), problem.sensitivity.distortion
    for turn, theta in enumerate(found):
        moved, blamed = parents[turn % 2].copy(), distortion.copy()
        several = rng.integers(1, MOST_SITES_MOVED + 1)
        for site in rng.choice(sites, size=min(several, sites), replace=False):
            step = STEPS[rng.integers(len(STEPS))]
            moved[site] = min(max(moved[site] + step, 0), problem.space.levels[site] - 1)
            blamed[site, moved[site]] -= distortion.sum()
        expected = project(problem.costs, moved, blamed, problem.limit)
        np.testing.assert_array_equal(theta, expected)


def test_no_plan_has_no_neighbour(draw_problem):
    assert neighbours(draw_problem(5), [], 10, np.random.default_rng(0)) == []


def test_without_corrections_the_corrected_knapsack_is_the_knapsack(draw_problem):
    problem = draw_problem(6, sites=10)
    corrections = np.zeros((2, *problem.sensitivity.distortion.shape))
    for found in corrected_knapsacks(problem, corrections, 1.0):
        np.testing.assert_array_equal(found, start(problem))


def test_corrected_knapsacks_are_those_of_the_documented_costs(draw_problem):
    problem = draw_problem(7, sites=10)
    cost, total = problem.sensitivity.distortion, 0.7
    corrections = 0.5 * np.random.default_rng(0).standard_normal((5, *cost.shape))
    found = corrected_knapsacks(problem, corrections, total)
    for theta, own in zip(found, corrections, strict=True):
        corrected = np.maximum(cost + np.sqrt(cost * total) * own, SMALLEST_CORRECTED_SHARE * cost)
        expected = knapsack(problem.costs, corrected, problem.limit)
        np.testing.assert_array_equal(theta, expected)
    assert len({theta.tobytes() for theta in found}) > 1


def test_a_correction_changes_the_log_of_the_sum_as_documented(draw_problem):
    """To first order: the corrected costs of a plan add up to exp(sum sqrt(c / total) g) more."""
    problem = draw_problem(8, sites=10)
    theta, rows = start(problem), np.arange(10)
    contribution = problem.sensitivity.distortion[rows, theta]
    total = contribution.sum()
    g = 1e-4 * np.random.default_rng(1).standard_normal(10)
    corrected = contribution + np.sqrt(contribution * total) * g
    change = np.log(corrected.sum()) - np.log(total)
    assert change == pytest.approx(np.sqrt(contribution / total) @ g, rel=1e-3)


def test_a_correction_never_makes_an_option_free(make_problem):
    problem = make_problem([[100, 50]] * 2, [[0, 1], [0, 30]], 100 + 150)
    corrections = np.array([[[0, 0], [0, -1e6]]])
    # 1.5 of 30 are left, more than the other site's 1.
    assert corrected_knapsacks(problem, corrections, 1.0)[0].tolist() == [1, 0]
