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
    return _spent(_Moves(costs, best, distortions), limit)


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
    return _spent(moves, limit)


def _spent(moves: _Moves, limit: int) -> Thetas:
    """Fill plans up to the limit, and then with what they do not pay for shared things.

    An upgrade may let go of such a thing, so that there is more to spend.
    """
    costs, thetas, before = moves.costs, moves.fill(limit), np.zeros(1)
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
    """Changes B plans site by site.

    Attributes:
        costs: What levels cost.
    """

    def __init__(self, costs: Costs, thetas: Thetas, distortions: Tables) -> None:
        self.costs = costs
        exists = np.isfinite(costs.levels)
        known = np.where(exists, distortions, 0.0)
        self._tables = costs.finite, exists, known
        self._thetas, self._totals = np.array(thetas, np.int64), costs.totals(thetas)

    def fill(self, limit: int | Vector, *, allowed: npt.NDArray[np.bool_] | None = None) -> Thetas:
        """Upgrade while an upgrade fits, those that save most distortion for their cost first.

        Args:
            limit: The most that plans may cost, one for all or one for each.
            allowed: Levels that each plan may be given, shape (B, S, L); all by default.
        """
        # Imported late: it takes long.
        from zoo_compress.numerics.compiled.greedy import upgrade

        limits = np.full(len(self._thetas), limit, np.float64)
        may = np.zeros((0, 0, 0), np.bool_) if allowed is None else allowed
        upgrade(*self._tables, may, limits, self._thetas, self._totals)
        return self._thetas

    def shrink(self, limit: int) -> None:
        """Downgrade until the plans fit, the least distortion for the cost saved first."""
        # Imported late: it takes long.
        from zoo_compress.numerics.compiled.greedy import downgrade

        downgrade(*self._tables, float(limit), self._thetas, self._totals)


def _multiplier_range(costs: Costs, distortions: Tables) -> tuple[Vector, Vector]:
    """Return multipliers at which distortion alone, and cost alone, decide, shape (B,) each."""
    positive = np.isfinite(distortions) & (distortions > 0)
    least = np.where(positive, distortions, np.inf).min(axis=(1, 2))
    total = np.where(positive, distortions, 0.0).sum(axis=(1, 2))
    none = ~positive.any(axis=(1, 2))
    largest = float(costs.finite.max(initial=1))
    return np.where(none, 1.0, least) / largest * 1e-6, np.where(none, 1.0, total) * 1e6
