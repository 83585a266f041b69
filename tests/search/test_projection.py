from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.search.conftest import space_of
from zoo_compress.errors import BudgetError
from zoo_compress.search.budget import Budget
from zoo_compress.search.projection import (
    BISECTIONS,
    fill,
    knapsack,
    knapsacks,
    project,
    projections,
    require_feasible,
)
from zoo_compress.search.scan import BROKEN_FACTOR

COSTS = {
    "any": lambda rng, shape: rng.random(shape),
    "growing": lambda rng, shape: rng.random(shape).cumsum(axis=1),
    "equal": lambda rng, shape: np.ones(shape),
    "few values": lambda rng, shape: rng.integers(0, 3, shape).astype(float),
    "zero": lambda rng, shape: np.zeros(shape),
    "wide": lambda rng, shape: 10.0 ** rng.uniform(-8, 8, shape),
}


def draw_table(rng, sites):
    """Draw bytes of one to four levels a site, more bytes first, ties among them."""
    rows = [np.sort(rng.integers(5, 60, rng.integers(1, 5)))[::-1] for _ in range(sites)]
    return [[int(row[0]) + 10, *row] for row in rows]


def draw_cost(rng, space, kind):
    cost = COSTS[kind](rng, space.level_bytes.shape)
    cost[:, 0] = 0
    return np.where(np.isfinite(space.level_bytes), cost, np.inf)


def every_plan(space):
    return [np.array(theta) for theta in product(*(range(count) for count in space.levels))]


def total(cost, theta):
    return float(cost[np.arange(theta.size), theta].sum())


instances = given(
    seed=st.integers(0, 2**20),
    sites=st.integers(1, 4),
    kind=st.sampled_from(list(COSTS)),
    tightness=st.floats(0, 1.1),
)


def instance(make_space, seed, sites, kind, tightness):
    """Return a space, costs, a limit that some plan meets, and a generator for more."""
    rng = np.random.default_rng(seed)
    space = make_space(draw_table(rng, sites))
    smallest, largest = (space.separable_bytes(t) for t in (space.smallest, space.largest))
    limit = int(smallest + tightness * (largest - smallest))
    return space, draw_cost(rng, space, kind), limit, rng


@instances
def test_a_knapsack_plan_fits_and_is_one_level_from_the_optimum(make_space, **drawn):
    space, cost, limit, _ = instance(make_space, **drawn)
    theta = knapsack(space.costs, cost, limit)
    assert space.separable_bytes(theta) <= limit
    feasible = [plan for plan in every_plan(space) if space.separable_bytes(plan) <= limit]
    optimum = min(total(cost, plan) for plan in feasible)
    one_level = cost[np.arange(theta.size), theta].max()
    assert total(cost, theta) - optimum <= one_level * (1 + 1e-9)


def test_a_knapsack_plan_mostly_is_the_optimum(make_space):
    gaps = []
    for seed in range(60):
        space, cost, limit, _ = instance(make_space, seed, 4, "growing", 0.4)
        feasible = [plan for plan in every_plan(space) if space.separable_bytes(plan) <= limit]
        optimum = min(total(cost, plan) for plan in feasible)
        gaps.append(total(cost, knapsack(space.costs, cost, limit)) / optimum - 1)
    assert np.median(gaps) < 1e-9
    assert np.mean(gaps) < 0.1


def test_a_limit_that_only_the_smallest_plan_meets_gives_that_plan(make_space):
    space = make_space([[100, 50, 20], [90, 40, 40]])
    cost = np.array([[0, 1, 2], [0, 3, 1]], float)
    assert knapsack(space.costs, cost, 100 + 60).tolist() == [2, 2]


def test_a_limit_that_everything_meets_gives_the_plan_of_least_cost(make_space):
    space = make_space([[100, 50], [90, 40]])
    assert knapsack(space.costs, np.array([[0, 1.0], [0, 1e-9]]), 290).tolist() == [0, 0]


def test_options_that_cost_nothing_are_taken_before_any_that_does(make_space):
    space = make_space([[100, 50, 20], [100, 50, 20]])
    cost = np.array([[0, 0, 0], [0, 1, 2]], float)
    assert knapsack(space.costs, cost, 100 + 120).tolist() == [2, 0]


def test_a_site_without_options_stays_as_it_is(make_space):
    space = make_space([[100], [100, 10]])
    cost = np.array([[0, np.inf], [0, 1]])
    assert knapsack(space.costs, cost, 210).tolist() == [0, 1]
    assert project(space.costs, space.largest, cost, 210).tolist() == [0, 1]


@instances
def test_broken_options_are_chosen_only_where_nothing_else_fits(make_space, **drawn):
    space, cost, limit, rng = instance(make_space, **drawn)
    broken = (rng.random(cost.shape) < 0.3) & np.isfinite(cost)
    broken[:, 0] = False
    intact = np.where(broken, np.inf, space.level_bytes)
    assume(space.fixed_bytes + intact.min(axis=1).sum() <= limit)
    largest = cost[np.isfinite(cost) & ~broken].max() or 1.0
    theta = knapsack(space.costs, np.where(broken, BROKEN_FACTOR * largest, cost), limit)
    assert not broken[np.arange(theta.size), theta].any()


@instances
def test_a_projected_plan_fits_and_exists(make_space, **drawn):
    space, cost, limit, rng = instance(make_space, **drawn)
    theta = rng.integers(0, space.levels)
    before = theta.copy()
    found = project(space.costs, theta, cost, limit)
    assert space.separable_bytes(found) <= limit
    assert ((found >= 0) & (found < space.levels)).all()
    np.testing.assert_array_equal(theta, before)


@instances
def test_projecting_a_plan_that_fits_only_upgrades_sites_and_ends(make_space, **drawn):
    space, cost, _, rng = instance(make_space, **drawn)
    theta = rng.integers(0, space.levels)
    limit = space.separable_bytes(theta) + int(rng.integers(0, 40))
    found = project(space.costs, theta, cost, limit)
    rows, moved = np.arange(theta.size), found != theta
    assert (cost[rows, found] < cost[rows, theta])[moved].all()
    assert (space.level_bytes[rows, found] > space.level_bytes[rows, theta])[moved].all()
    np.testing.assert_array_equal(project(space.costs, found, cost, limit), found)


@instances
def test_filling_never_raises_the_cost_nor_exceeds_the_limit(make_space, **drawn):
    space, cost, limit, rng = instance(make_space, **drawn)
    theta = rng.integers(0, space.levels)
    found = fill(space.costs, theta, cost, limit)
    assert total(cost, found) <= total(cost, theta) + 1e-9
    assert space.separable_bytes(found) <= max(limit, space.separable_bytes(theta))


def test_filling_takes_the_best_saving_per_byte_first(make_space):
    space = make_space([[100, 50], [100, 90]])
    cost = np.array([[0, 6.0], [0, 5.0]])
    assert fill(space.costs, np.array([1, 1]), cost, 100 + 50 + 100).tolist() == [1, 0]


def test_bytes_saved_beyond_what_the_limit_asks_for_do_not_count(make_space):
    space = make_space([[100, 90], [100, 10]])
    cost = np.array([[0, 1.0], [0, 5.0]])
    assert project(space.costs, space.largest, cost, 100 + 190).tolist() == [1, 0]
    assert project(space.costs, space.largest, cost, 100 + 150).tolist() == [0, 1]


def test_downgrades_that_lose_the_least_per_byte_come_first(make_space):
    space = make_space([[100, 75], [100, 75], [100, 40]])
    cost = np.array([[0, 3.0], [0, 3.0], [0, 4.0]])
    assert project(space.costs, space.largest, cost, 100 + 250).tolist() == [0, 0, 1]


def test_downgrades_that_distort_less_are_rated_by_what_is_still_to_be_saved(make_space):
    """Of 30 bytes the first saves 10; per byte of the other 20 the second gains 3, the third 2.5.

    Per byte of all 30 the second gains only 2.
    """
    space = make_space([[100, 90], [100, 60], [100, 80]])
    cost = np.array([[100.0, 0], [60, 0], [50, 0]])
    assert project(space.costs, space.largest, cost, 100 + 270).tolist() == [1, 1, 0]


def test_a_limit_that_no_plan_meets_ends_at_the_smallest_plan(make_space):
    space = make_space([[100, 50, 20], [90, 40]])
    cost = np.array([[0, 1, 2], [0, 3, np.inf]])
    for theta in (knapsack(space.costs, cost, 10), project(space.costs, space.largest, cost, 10)):
        np.testing.assert_array_equal(theta, space.smallest)


@instances
def test_many_knapsacks_are_solved_as_one_by_one(make_space, **drawn):
    space, _, limit, rng = instance(make_space, **drawn)
    costs = np.array([draw_cost(rng, space, kind) for kind in COSTS])
    before = costs.copy()
    found = knapsacks(space.costs, costs, limit)
    one_by_one = [knapsack(space.costs, cost, limit) for cost in costs]
    np.testing.assert_array_equal(found, one_by_one)
    np.testing.assert_array_equal(costs, before)


@instances
def test_many_plans_are_projected_as_one_by_one(make_space, **drawn):
    space, _, limit, rng = instance(make_space, **drawn)
    costs = np.array([draw_cost(rng, space, kind) for kind in COSTS])
    # Moves make the level that was moved to cheaper than level 0.
    costs[0] -= rng.integers(0, 2, costs[0].shape) * 1e3
    thetas = np.array([rng.integers(0, space.levels) for _ in costs])
    before = thetas.copy()
    found = projections(space.costs, thetas, costs, limit)
    one_by_one = [
        project(space.costs, theta, cost, limit) for theta, cost in zip(thetas, costs, strict=True)
    ]
    np.testing.assert_array_equal(found, one_by_one)
    np.testing.assert_array_equal(thetas, before)


def test_no_plan_at_all_can_be_projected_and_solved(make_space):
    space = make_space([[100, 50], [100, 50]])
    assert knapsacks(space.costs, np.zeros((0, 2, 2)), 250).shape == (0, 2)
    none = np.zeros((0, 2), np.int64)
    assert projections(space.costs, none, np.zeros((0, 2, 2)), 250).shape == (0, 2)


def suggested_budget(space, limit, original):
    with pytest.raises(BudgetError, match="is infeasible") as raised:
        require_feasible(space, limit, original)
    assert f"reaches {space.separable_bytes(space.smallest)} bytes" in str(raised.value)
    return re.search(r"--budget (\S+)\)", str(raised.value))


@given(original=st.integers(300, 10**9), share=st.floats(0.001, 1), below=st.integers(1, 50))
def test_the_smallest_feasible_budget_that_an_error_names_is_feasible(
    make_space, original, share, below
):
    smallest = max(int(share * original), 200)
    space = make_space([[original, 50], [original, smallest - 150]])
    named = suggested_budget(space, smallest - below, original)
    require_feasible(space, Budget.parse(named[1]).limit_bytes(original), original)
    require_feasible(space, Budget.parse(f"bytes={smallest}").limit_bytes(original), original)


@pytest.mark.parametrize("smallest", [124, 29 * 8, 573])
def test_a_named_budget_of_four_decimals_exactly_is_feasible(make_space, smallest):
    space = make_space([[10_000, smallest - 100]])
    named = suggested_budget(space, smallest - 1, 10_000)
    assert named[1] == f"{smallest / 10_000:.4f}"
    require_feasible(space, Budget.parse(named[1]).limit_bytes(10_000), 10_000)


def test_no_budget_is_named_where_even_the_smallest_plan_exceeds_the_original(make_space):
    space = make_space([[200, 150]])
    with pytest.raises(BudgetError, match=r"250 bytes \(more than the original\)"):
        require_feasible(space, 240, 240)


@given(seed=st.integers(0, 2**20), sites=st.integers(1, 5), tightness=st.floats(0.05, 1))
def test_what_a_plan_does_not_pay_for_shared_things_is_spent_on_it(seed, sites, tightness):
    rng = np.random.default_rng(seed)
    table = draw_table(rng, sites)
    shared = {
        (site, level): {f"thing {rng.integers(3)}": 40}
        for site, row in enumerate(table)
        for level in range(1, len(row))
        if rng.random() < 0.5
    }
    space = space_of(table, shared=shared)
    smallest, largest = (space.separable_bytes(t) for t in (space.smallest, space.largest))
    limit = int(smallest + tightness * max(largest - smallest, 0))
    cost = draw_cost(rng, space, "growing")
    starts = np.array([[rng.integers(count) for count in space.levels]])
    for theta in (
        knapsack(space.costs, cost, limit),
        projections(space.costs, starts, cost[None], limit)[0],
    ):
        assert space.stored_bytes(theta) <= limit
        # No upgrade is left that fits and takes nothing shared that the plan lacks.
        allowed = affordable(space.costs, theta)
        for site, level in np.argwhere(allowed & np.isfinite(space.level_bytes)):
            better = theta.copy()
            better[site] = level
            if total(cost, better) < total(cost, theta):
                spent = space.separable_bytes(better) - space.separable_bytes(theta)
                assert (
                    spent <= 0 or space.stored_bytes(better) > limit or freed(space, theta, better)
                )


def affordable(costs, theta):
    """Return which levels take nothing shared that the plan lacks, shape (S, L)."""
    used = costs.sharing[1][np.arange(theta.size), theta].any(axis=0)
    return ~(costs.sharing[1] & ~used).any(axis=2)


def freed(space, theta, better):
    """Tell whether the upgrade fits only since it lets go of something shared."""
    extra = space.separable_bytes(better) - space.separable_bytes(theta)
    return space.stored_bytes(theta) + extra > space.stored_bytes(better)


def shared_instance(seed, sites, kind, tightness):
    """Return costs of levels that share things, distortions, a limit, and a generator."""
    rng = np.random.default_rng(seed)
    table = draw_table(rng, sites)
    shared = {
        (site, level): {f"thing {thing}": 10 * thing for thing in rng.integers(0, 4, 2)}
        for site, row in enumerate(table)
        for level in range(1, len(row))
        if rng.random() < 0.5
    }
    space = space_of(table, shared=shared if rng.random() < 0.8 else None)
    smallest, largest = (space.separable_bytes(t) for t in (space.smallest, space.largest))
    limit = int(smallest + tightness * (largest - smallest))
    cost = draw_cost(rng, space, kind)
    # As a scan finds: some options distort less than none at all.
    lowered = np.where(np.isfinite(cost), cost - (rng.random(cost.shape) < 0.1), np.inf)
    return space, lowered, limit, rng


def existing(costs, site):
    return np.flatnonzero(np.isfinite(costs.levels[site]))


def plainly_shrunk(costs, theta, distortion, limit):
    """Return the plan after downgrades, with all of them looked at before each."""
    theta = theta.copy()
    while (excess := costs.total(theta) - limit) > 0:
        best, move = np.inf, None
        for site, own in enumerate(theta):
            for level in existing(costs, site):
                saved = costs.levels[site, own] - costs.levels[site, level]
                if saved > 0:
                    loss = distortion[site, level] - distortion[site, own]
                    if loss / min(saved, excess) < best:
                        best, move = loss / min(saved, excess), (site, level)
        if move is None:
            break
        theta[move[0]] = move[1]
    return theta


def plainly_filled(costs, theta, distortion, limit, allowed):
    """Return the plan after upgrades, with all of them looked at before each."""
    theta = theta.copy()
    while True:
        best, move, room = 0.0, None, limit - costs.total(theta)
        for site, own in enumerate(theta):
            for level in existing(costs, site):
                extra = costs.levels[site, level] - costs.levels[site, own]
                if 0 < extra <= room and allowed[site, level]:
                    rate = (distortion[site, level] - distortion[site, own]) / extra
                    if rate < best:
                        best, move = rate, (site, level)
        if move is None:
            return theta
        theta[move[0]] = move[1]


def plainly_spent(costs, theta, distortion, limit):
    theta = plainly_filled(costs, theta, distortion, limit, np.ones(distortion.shape, bool))
    before = 0
    while (unpaid := costs.total(theta) - costs.exact(theta[None])[0]) != before:
        allowed = affordable(costs, theta)
        theta = plainly_filled(costs, theta, distortion, limit + unpaid, allowed)
        before = unpaid
    return theta


def plainly_relaxed(costs, distortion, limit):
    positive = distortion[np.isfinite(distortion) & (distortion > 0)]
    low = (positive.min() if positive.size else 1.0) / costs.finite.max() * 1e-6
    high = (np.where(np.isfinite(distortion) & (distortion > 0), distortion, 0.0).sum() or 1) * 1e6
    best = costs.least
    for _ in range(BISECTIONS):
        middle = np.sqrt(low * high)
        theta = np.argmin(distortion + middle * costs.levels, axis=1)
        if costs.total(theta) <= limit:
            best, high = theta, middle
        else:
            low = middle
    return best


shared_instances = given(
    seed=st.integers(0, 2**20),
    sites=st.integers(1, 12),
    kind=st.sampled_from(list(COSTS)),
    tightness=st.floats(0, 1.1),
)


@shared_instances
def test_a_projection_is_that_of_looking_at_all_moves_before_each(**drawn):
    space, cost, limit, rng = shared_instance(**drawn)
    starts = np.array([rng.integers(0, space.levels) for _ in range(3)])
    found = projections(space.costs, starts, np.array([cost] * 3), limit)
    for theta, start in zip(found, starts, strict=True):
        shrunk = plainly_shrunk(space.costs, start, cost, limit)
        expected = plainly_spent(space.costs, shrunk, cost, limit)
        np.testing.assert_array_equal(theta, expected)


@shared_instances
def test_a_knapsack_is_that_of_a_plain_bisection_and_plain_upgrades(**drawn):
    space, cost, limit, _ = shared_instance(**drawn)
    relaxed = plainly_relaxed(space.costs, cost, limit)
    expected = plainly_spent(space.costs, relaxed, cost, limit)
    np.testing.assert_array_equal(knapsack(space.costs, cost, limit), expected)
