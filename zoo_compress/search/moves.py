"""Ways to make new plans out of what is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo_compress.search.problem import Problem
from zoo_compress.search.projection import Tables, knapsacks, project, projections
from zoo_compress.search.space import Theta

MOST_SITES_MOVED = 3
STEPS = (-2, -1, 1, 2)
SMALLEST_CORRECTED_SHARE = 0.05
"""Of its contribution in the scan, which a correction leaves of an option at least."""


def swapped(problem: Problem, theta: Theta, rng: np.random.Generator) -> Theta:
    """Move one to three sites by one or two levels and project onto the budget.

    The projection pays for upgrades by downgrades of other sites where they cost least, and
    spends what downgrades save, so a single move already is a swap between sites.
    """
    return neighbours(problem, [theta], 1, rng)[0]


def neighbours(
    problem: Problem, parents: Sequence[Theta], count: int, rng: np.random.Generator
) -> list[Theta]:
    """Return `count` plans, each made by `swapped` of one of the parents in turn."""
    if not parents:
        return []
    thetas = np.array([parents[turn % len(parents)] for turn in range(count)])
    distortion = problem.sensitivity.distortion
    plans, sites, steps = _drawn_moves(count, thetas.shape[1], rng)
    levels = np.clip(thetas[plans, sites] + steps, 0, problem.space.levels[sites] - 1)
    thetas[plans, sites] = levels
    blamed = np.repeat(distortion[None], count, axis=0)
    # Undoing the move is the projection's last resort, not its first choice.
    blamed[plans, sites, levels] -= distortion[np.isfinite(distortion)].sum()
    return list(projections(problem.costs, thetas, blamed, problem.limit))


def _drawn_moves(
    count: int, sites: int, rng: np.random.Generator
) -> tuple[list[int], list[int], list[int]]:
    """Return the plan, the site and the step of each move of `count` plans."""
    plans: list[int] = []
    moved: list[int] = []
    steps: list[int] = []
    for plan in range(count):
        several = min(int(rng.integers(1, MOST_SITES_MOVED + 1)), sites)
        moved += rng.choice(sites, size=several, replace=False).tolist()
        for _ in range(several):
            plans.append(plan)
            # One by one: drawing few at once takes longer.
            steps.append(STEPS[rng.integers(len(STEPS))])
    return plans, moved, steps


def corrected_knapsacks(problem: Problem, corrections: Tables, total: float) -> list[Theta]:
    """Solve the knapsack for sensitivities that are corrected option by option.

    A correction g of an option with contribution c, in a plan whose contributions sum to about
    `total`, changes the log of the sum by sqrt(c / total) g: the contribution becomes
    c + sqrt(c total) g.

    Args:
        problem: The problem.
        corrections: g of each site at each level, for each of B plans, shape (B, S, L).
        total: Sum of the contributions of a good plan.
    """
    distortion = problem.sensitivity.distortion
    known = np.isfinite(distortion)
    finite = np.where(known, distortion, 0.0)
    corrected = finite + np.sqrt(finite * total) * corrections
    corrected = np.where(known, np.maximum(corrected, SMALLEST_CORRECTED_SHARE * finite), np.inf)
    return list(knapsacks(problem.costs, corrected, problem.limit))


def random_plan(problem: Problem, rng: np.random.Generator) -> Theta:
    """Draw every site's level uniformly and project onto the budget in random order."""
    space = problem.space
    theta = rng.integers(0, space.levels)
    blind = rng.random(space.level_bytes.shape).cumsum(axis=1)
    order = np.where(np.isfinite(space.level_bytes), blind, np.inf)
    return project(problem.costs, theta, order, problem.limit)
