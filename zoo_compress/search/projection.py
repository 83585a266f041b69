"""Decode any plan onto a budget, and solve for the best plan under a separable prediction."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_compress.errors import BudgetError
from zoo_compress.search.costs import Costs, Theta, Thetas
from zoo_compress.search.space import SearchSpace

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Tables = npt.NDArray[np.float64]
"""Distortion of each site at each level, for B cases: shape (B, S, L)."""
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


def knapsack(costs: Costs, distortion: Matrix, limit: int) -> Theta:
    """Return a plan within the limit of least summed distortion, nearly.

    A Lagrangian relaxation of the multiple-choice knapsack problem: for a multiplier each site
    picks its level alone, the multiplier is found by bisection, and `fill` spends what is left.
    The gap to the optimum is at most the distortion that one site has in the plan returned (none
    negative, 0 at level 0). Where no plan fits, which `require_feasible` tells beforehand, the
    one of least cost is returned.

    Args:
        costs: What the levels of sites cost.
        distortion: Distortion of each site at each level, shape (S, L), infinity where there is
            none.
        limit: The most that the whole plan may cost.
    """
    found: Theta = knapsacks(costs, distortion[None], limit)[0]
    return found


def knapsacks(costs: Costs, distortions: Tables, limit: int) -> Thetas:
    """Return what `knapsack` returns for each of B distortions, (B, S, L); shape (B, S)."""
    low, high = _multiplier_range(costs, distortions)
    best = np.tile(costs.least, (len(distortions), 1))
    for _ in range(BISECTIONS):
        middle = np.sqrt(low * high)
        thetas = np.argmin(distortions + middle[:, None, None] * costs.levels, axis=2)
        fits = costs.totals(thetas) <= limit
        best[fits] = thetas[fits]
        low, high = np.where(fits, low, middle), np.where(fits, middle, high)
    return _spent(costs, _Moves(costs, best, distortions), limit)


def project(costs: Costs, theta: Theta, distortion: Matrix, limit: int) -> Theta:
    """Return a plan within the limit that is close to `theta`, spending what the limit allows.

    Moves that distort the least for the cost that they save come first until the plan fits; then
    `fill`. Where no plan fits, which `require_feasible` tells beforehand, the one of least cost is
    returned.
    """
    found: Theta = projections(costs, theta[None], distortion[None], limit)[0]
    return found


def projections(costs: Costs, thetas: Thetas, distortions: Tables, limit: int) -> Thetas:
    """Return what `project` returns for each of B plans, (B, S), and distortions, (B, S, L)."""
    moves = _Moves(costs, thetas, distortions)
    moves.shrink(limit)
    return _spent(costs, moves, limit)


def _spent(costs: Costs, moves: _Moves, limit: int) -> Thetas:
    """Fill plans up to the limit, and then with what they do not pay for shared things.

    An upgrade may let go of such a thing, so that there is more to spend.
    """
    thetas, before = moves.fill(limit), np.zeros(1)
    while True:
        unpaid = costs.totals(thetas) - costs.exact(thetas)
        if np.array_equal(unpaid, np.broadcast_to(before, unpaid.shape)):
            return thetas
        thetas, before = moves.fill(limit + unpaid, allowed=costs.affordable(thetas)), unpaid


def fill(costs: Costs, theta: Theta, distortion: Matrix, limit: int) -> Theta:
    """Upgrade sites, those that save most distortion for their cost first, while one fits."""
    found: Theta = _Moves(costs, theta[None], distortion[None]).fill(limit)[0]
    return found


class _Moves:
    """Changes B plans site by site, all at once: numpy calls cost more than their arithmetic.

    `extra` and `loss`, shape (B, S, L), are the cost and the distortion that moving a site to a
    level adds to each plan, 0 where there is no level; every move brings them up to date.
    """

    def __init__(self, costs: Costs, thetas: Thetas, distortions: Tables) -> None:
        self._exists = np.isfinite(costs.levels)
        self._costs = costs.finite
        self._distortions = np.where(self._exists, distortions, 0.0)
        self._thetas = thetas.copy()
        self._totals = costs.totals(thetas)
        chosen = thetas[..., None]
        own_costs = np.take_along_axis(self._costs[None], chosen, axis=2)
        own_distortions = np.take_along_axis(self._distortions, chosen, axis=2)
        self._extra = np.where(self._exists, self._costs - own_costs, 0.0)
        self._loss = np.where(self._exists, self._distortions - own_distortions, 0.0)

    def fill(self, limit: int | Vector, *, allowed: npt.NDArray[np.bool_] | None = None) -> Thetas:
        """Upgrade while an upgrade fits, those that save most distortion for their cost first.

        Args:
            limit: The most that plans may cost, one for all or one for each.
            allowed: Levels that each plan may be given, shape (B, S, L); all by default.
        """
        limits = np.broadcast_to(limit, len(self._thetas))
        active = np.arange(len(self._thetas))
        while active.size:
            extra, loss = self._extra[active], self._loss[active]
            room = (limits[active] - self._totals[active])[:, None, None]
            possible = (extra > 0) & (extra <= room) & (loss < 0)
            if allowed is not None:
                possible &= allowed[active]
            rate = np.divide(loss, extra, out=np.zeros_like(loss), where=possible)
            active = self._make(active, rate, worst=0.0)
        return self._thetas

    def shrink(self, limit: int) -> None:
        """Downgrade until the plans fit, the least distortion for the cost saved first."""
        active = np.flatnonzero(self._totals > limit)
        while active.size:
            extra, loss = self._extra[active], self._loss[active]
            over = (self._totals[active] - limit)[:, None, None]
            saved = np.minimum(-extra, over)
            rate = np.divide(loss, saved, out=np.full_like(loss, np.inf), where=extra < 0)
            active = self._make(active, rate, worst=np.inf)
            active = active[self._totals[active] > limit]

    def _make(self, active: Indices, rate: Tables, *, worst: float) -> Indices:
        """Make the move of least rate in each active plan; return the plans that had one."""
        flat = rate.reshape(len(active), -1)
        best = flat.argmin(axis=1)
        moving = flat[np.arange(len(active)), best] < worst
        plans: Indices = active[moving]
        sites, levels = np.divmod(best[moving], rate.shape[2])
        self._totals[plans] += self._extra[plans, sites, levels]
        self._thetas[plans, sites] = levels
        exists = self._exists[sites]
        own_costs = self._costs[sites, levels][:, None]
        self._extra[plans, sites] = np.where(exists, self._costs[sites] - own_costs, 0.0)
        distortions = self._distortions[plans, sites]
        own_distortions = np.take_along_axis(distortions, levels[:, None], axis=1)
        self._loss[plans, sites] = np.where(exists, distortions - own_distortions, 0.0)
        return plans


def _multiplier_range(costs: Costs, distortions: Tables) -> tuple[Vector, Vector]:
    """Return multipliers at which distortion alone, and cost alone, decide, shape (B,) each."""
    positive = np.isfinite(distortions) & (distortions > 0)
    least = np.where(positive, distortions, np.inf).min(axis=(1, 2))
    total = np.where(positive, distortions, 0.0).sum(axis=(1, 2))
    none = ~positive.any(axis=(1, 2))
    largest = float(costs.finite.max(initial=1))
    return np.where(none, 1.0, least) / largest * 1e-6, np.where(none, 1.0, total) * 1e6
