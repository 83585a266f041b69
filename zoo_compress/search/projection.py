"""Decode any plan onto a budget, and solve for the best plan under a separable prediction."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_compress.errors import BudgetError
from zoo_compress.search.space import SearchSpace, Theta, Thetas

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Tables = npt.NDArray[np.float64]
"""Cost of each site at each level, for B cases: shape (B, S, L)."""
Indices = npt.NDArray[np.int64]

# Halvings of the multiplier's interval (in log space): what is left of some 60 units after these
# is a relative 1e-10.
BISECTIONS = 40


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
    found: Theta = knapsacks(space, cost[None], limit_bytes)[0]
    return found


def knapsacks(space: SearchSpace, costs: Tables, limit_bytes: int) -> Thetas:
    """Return what `knapsack` returns for each of B costs, shape (B, S); costs are (B, S, L)."""
    low, high = _multiplier_range(space, costs)
    best = np.tile(space.smallest, (len(costs), 1))
    for _ in range(BISECTIONS):
        middle = np.sqrt(low * high)
        thetas = np.argmin(costs + middle[:, None, None] * space.level_bytes, axis=2)
        fits = space.separable_sizes(thetas) <= limit_bytes
        best[fits] = thetas[fits]
        low, high = np.where(fits, low, middle), np.where(fits, middle, high)
    return _Moves(space, best, costs).fill(limit_bytes)


def project(space: SearchSpace, theta: Theta, cost: Matrix, limit_bytes: int) -> Theta:
    """Return a plan within the limit that is close to `theta`, spending what the limit allows.

    Downgrades that cost the least per byte saved come first until the plan fits; then `fill`.
    Where no plan fits, which `require_feasible` tells beforehand, the smallest one is returned.
    """
    found: Theta = projections(space, theta[None], cost[None], limit_bytes)[0]
    return found


def projections(space: SearchSpace, thetas: Thetas, costs: Tables, limit_bytes: int) -> Thetas:
    """Return what `project` returns for each of B plans, (B, S), and their costs, (B, S, L)."""
    moves = _Moves(space, thetas, costs)
    moves.shrink(limit_bytes)
    return moves.fill(limit_bytes)


def fill(space: SearchSpace, theta: Theta, cost: Matrix, limit_bytes: int) -> Theta:
    """Upgrade sites, best saving of cost per byte first, as long as an upgrade fits."""
    found: Theta = _Moves(space, theta[None], cost[None]).fill(limit_bytes)[0]
    return found


class _Moves:
    """Changes B plans site by site, all at once: numpy calls cost more than their arithmetic.

    `extra` and `loss`, shape (B, S, L), are the bytes and the cost that moving a site to a level
    adds to each plan, 0 where there is no level; every move brings them up to date.
    """

    def __init__(self, space: SearchSpace, thetas: Thetas, costs: Tables) -> None:
        self._exists = np.isfinite(space.level_bytes)
        self._bytes = space.finite_level_bytes
        self._costs = np.where(self._exists, costs, 0.0)
        self._thetas = thetas.copy()
        self._sizes = space.separable_sizes(thetas)
        chosen = thetas[..., None]
        own_bytes = np.take_along_axis(self._bytes[None], chosen, axis=2)
        own_costs = np.take_along_axis(self._costs, chosen, axis=2)
        self._extra = np.where(self._exists, self._bytes - own_bytes, 0.0)
        self._loss = np.where(self._exists, self._costs - own_costs, 0.0)

    def fill(self, limit_bytes: int) -> Thetas:
        """Upgrade while an upgrade fits, best saving of cost per byte first."""
        active = np.arange(len(self._thetas))
        while active.size:
            extra, loss = self._extra[active], self._loss[active]
            room = (limit_bytes - self._sizes[active])[:, None, None]
            possible = (extra > 0) & (extra <= room) & (loss < 0)
            rate = np.divide(loss, extra, out=np.zeros_like(loss), where=possible)
            active = self._make(active, rate, worst=0.0)
        return self._thetas

    def shrink(self, limit_bytes: int) -> None:
        """Downgrade until the plans fit, the least cost per byte saved first."""
        active = np.flatnonzero(self._sizes > limit_bytes)
        while active.size:
            extra, loss = self._extra[active], self._loss[active]
            over = (self._sizes[active] - limit_bytes)[:, None, None]
            saved = np.minimum(-extra, over)
            rate = np.divide(loss, saved, out=np.full_like(loss, np.inf), where=extra < 0)
            active = self._make(active, rate, worst=np.inf)
            active = active[self._sizes[active] > limit_bytes]

    def _make(self, active: Indices, rate: Tables, *, worst: float) -> Indices:
        """Make the move of least rate in each active plan; return the plans that had one."""
        flat = rate.reshape(len(active), -1)
        best = flat.argmin(axis=1)
        moving = flat[np.arange(len(active)), best] < worst
        plans: Indices = active[moving]
        sites, levels = np.divmod(best[moving], rate.shape[2])
        self._sizes[plans] += self._extra[plans, sites, levels]
        self._thetas[plans, sites] = levels
        exists = self._exists[sites]
        own_bytes = self._bytes[sites, levels][:, None]
        self._extra[plans, sites] = np.where(exists, self._bytes[sites] - own_bytes, 0.0)
        costs = self._costs[plans, sites]
        own_costs = np.take_along_axis(costs, levels[:, None], axis=1)
        self._loss[plans, sites] = np.where(exists, costs - own_costs, 0.0)
        return plans


def _multiplier_range(space: SearchSpace, costs: Tables) -> tuple[Vector, Vector]:
    """Return multipliers at which cost alone, and bytes alone, decide, shape (B,) each."""
    positive = np.isfinite(costs) & (costs > 0)
    least = np.where(positive, costs, np.inf).min(axis=(1, 2))
    total = np.where(positive, costs, 0.0).sum(axis=(1, 2))
    none = ~positive.any(axis=(1, 2))
    largest = float(space.finite_level_bytes.max(initial=1))
    return np.where(none, 1.0, least) / largest * 1e-6, np.where(none, 1.0, total) * 1e6
