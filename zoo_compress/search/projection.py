"""Decode any plan onto a budget, and solve for the best plan under a separable prediction."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_compress.errors import BudgetError
from zoo_compress.search.space import SearchSpace, Theta

Matrix = npt.NDArray[np.float64]

# Halvings of the multiplier's interval (in log space): 2^-60 of it is below float resolution.
BISECTIONS = 60


def require_feasible(space: SearchSpace, limit_bytes: int, original_bytes: int) -> None:
    """Check that some plan fits a budget.

    Raises:
        BudgetError: If none does; the message says the smallest size that is possible.
    """
    smallest = space.separable_bytes(space.smallest)
    if smallest > limit_bytes:
        share = np.ceil(1e4 * smallest / original_bytes) / 1e4
        hint = f"--budget {share:.4f}" if share <= 1 else "more than the original"
        raise BudgetError(
            f"budget of {limit_bytes} bytes ({limit_bytes / original_bytes:.4f} of the original) "
            f"is infeasible: this recipe reaches {smallest} bytes ({hint}) at the smallest"
        )


def knapsack(space: SearchSpace, cost: Matrix, limit_bytes: int) -> Theta:
    """Return a plan within the limit of least summed cost, nearly.

    A Lagrangian relaxation of the multiple-choice knapsack problem: for a multiplier each site
    picks its level alone, the multiplier is found by bisection, and `fill` spends what is left.
    The gap to the optimum is at most the cost that one site has in the plan returned (costs not
    negative, 0 at level 0). Where no plan fits, which `require_feasible` tells beforehand, the
    smallest one is returned.

    Args:
        space: The space.
        cost: Cost of each site at each level, shape (S, L), infinity where there is none.
        limit_bytes: The most bytes that the whole model may take.
    """
    low, high = _multiplier_range(space, cost)
    best = space.smallest
    for _ in range(BISECTIONS):
        middle = float(np.sqrt(low * high))
        theta = np.argmin(cost + middle * space.level_bytes, axis=1)
        if space.separable_bytes(theta) <= limit_bytes:
            best, high = theta, middle
        else:
            low = middle
    return fill(space, best, cost, limit_bytes)


def project(space: SearchSpace, theta: Theta, cost: Matrix, limit_bytes: int) -> Theta:
    """Return a plan within the limit that is close to `theta`, spending what the limit allows.

    Downgrades that cost the least per byte saved come first until the plan fits; then `fill`.
    Where no plan fits, which `require_feasible` tells beforehand, the smallest one is returned.
    """
    return fill(space, _shrink(space, theta, cost, limit_bytes), cost, limit_bytes)


def fill(space: SearchSpace, theta: Theta, cost: Matrix, limit_bytes: int) -> Theta:
    """Upgrade sites, best saving of cost per byte first, as long as an upgrade fits."""
    theta = theta.copy()
    room = limit_bytes - space.separable_bytes(theta)
    while True:
        extra, gain = _changes(space, theta, cost)
        possible = (extra > 0) & (extra <= room) & (gain < 0)
        if not possible.any():
            return theta
        rate = np.where(possible, gain / np.where(possible, extra, 1), 0)
        site, level = np.unravel_index(int(np.argmin(rate)), rate.shape)
        room -= extra[site, level]
        theta[site] = level


def _shrink(space: SearchSpace, theta: Theta, cost: Matrix, limit_bytes: int) -> Theta:
    theta = theta.copy()
    over = space.separable_bytes(theta) - limit_bytes
    while over > 0:
        extra, loss = _changes(space, theta, cost)
        possible = extra < 0
        if not possible.any():
            break
        saved = np.where(possible, np.minimum(-extra, over), 1)
        rate = np.where(possible, loss / saved, np.inf)
        site, level = np.unravel_index(int(np.argmin(rate)), rate.shape)
        over += extra[site, level]
        theta[site] = level
    return theta


def _changes(space: SearchSpace, theta: Theta, cost: Matrix) -> tuple[Matrix, Matrix]:
    """Return the change of bytes and of cost for moving each site to each level, (S, L) each."""
    rows = np.arange(theta.size)
    exists = np.isfinite(space.level_bytes)
    extra = np.where(exists, space.level_bytes, 0) - space.level_bytes[rows, theta][:, None]
    change = np.where(exists, cost, 0) - cost[rows, theta][:, None]
    return np.where(exists, extra, 0), np.where(exists, change, 0)


def _multiplier_range(space: SearchSpace, cost: Matrix) -> tuple[float, float]:
    """Return multipliers at which cost alone, and bytes alone, decide."""
    finite_cost = cost[np.isfinite(cost) & (cost > 0)]
    spread = finite_cost if finite_cost.size else np.ones(1)
    largest = float(space.level_bytes[np.isfinite(space.level_bytes)].max(initial=1))
    return float(spread.min()) / largest * 1e-6, float(spread.sum()) * 1e6
