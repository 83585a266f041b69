"""Ways to make new plans out of what is known."""

from __future__ import annotations

import numpy as np

from zoo_compress.search.problem import Problem
from zoo_compress.search.projection import knapsack, project
from zoo_compress.search.space import Theta

MOST_SITES_MOVED = 3
WIDTH_OF_PERTURBATION = (0.2, 1.0)
"""Standard deviations, in log units, that perturbed sensitivities are drawn with."""


def swapped(problem: Problem, theta: Theta, rng: np.random.Generator) -> Theta:
    """Move one to three sites by one or two levels and project onto the budget.

    The projection pays for upgrades by downgrades of other sites where they cost least, and
    spends what downgrades save, so a single move already is a swap between sites.
    """
    moved = theta.copy()
    cost = problem.sensitivity.distortion.copy()
    finite = np.isfinite(cost)
    count = int(rng.integers(1, MOST_SITES_MOVED + 1))
    for site in rng.choice(theta.size, size=min(count, theta.size), replace=False):
        step = int(rng.choice([-2, -1, 1, 2]))
        moved[site] = np.clip(moved[site] + step, 0, problem.space.levels[site] - 1)
        # Undoing the move is the projection's last resort, not its first choice.
        cost[site, moved[site]] -= cost[finite].sum()
    return project(problem.space, moved, cost, problem.limit_bytes)


def perturbed_knapsack(problem: Problem, rng: np.random.Generator) -> Theta:
    """Solve the knapsack for sensitivities multiplied by log-normal noise, one factor a site."""
    width = rng.uniform(*WIDTH_OF_PERTURBATION)
    factors = np.exp(width * rng.standard_normal(len(problem.space.sites)))
    cost = problem.sensitivity.distortion * factors[:, None]
    return knapsack(problem.space, cost, problem.limit_bytes)


def random_plan(problem: Problem, rng: np.random.Generator) -> Theta:
    """Draw every site's level uniformly and project onto the budget in random order."""
    space = problem.space
    theta = rng.integers(0, space.levels)
    blind = rng.random(space.level_bytes.shape).cumsum(axis=1)
    cost = np.where(np.isfinite(space.level_bytes), blind, np.inf)
    return project(space, theta, cost, problem.limit_bytes)
