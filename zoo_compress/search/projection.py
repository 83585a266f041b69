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
    # Imported late: it takes long.
    from zoo_compress.numerics.compiled.greedy import relax, spend

    room, multipliers = _left_for_sites(costs, limit), _multiplier_range(costs, distortions)
    tables = np.ascontiguousarray(distortions, np.float64)
    thetas = np.tile(costs.least, (len(tables), 1))
    relax(costs.levels, tables, room, *multipliers, BISECTIONS, thetas)
    spend(costs.levels, *costs.sharing, tables, room, thetas)
    return thetas


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
    # Imported late: it takes long.
    from zoo_compress.numerics.compiled.greedy import shrink, spend

    room, tables = _left_for_sites(costs, limit), np.ascontiguousarray(distortions, np.float64)
    found = np.array(thetas, np.int64)
    shrink(costs.levels, tables, room, found)
    spend(costs.levels, *costs.sharing, tables, room, found)
    return found


def fill(costs: Costs, theta: Theta, distortion: Matrix, limit: int) -> Theta:
    """Upgrade sites, those that save most distortion for their cost first, while one fits."""
    # Imported late: it takes long.
    from zoo_compress.numerics.compiled.greedy import spend

    found = np.array(theta[None], np.int64)
    nothing = np.zeros(0), np.zeros((*costs.levels.shape, 0), np.bool_)
    spend(costs.levels, *nothing, distortion[None], _left_for_sites(costs, limit), found)
    filled: Theta = found[0]
    return filled


def _left_for_sites(costs: Costs, limit: int) -> float:
    """Return what a limit leaves for the sites if everything else, all shared, is paid for."""
    return float(limit - costs.beside_sites)


def _multiplier_range(costs: Costs, distortions: Tables) -> tuple[Vector, Vector]:
    """Return multipliers at which distortion alone, and cost alone, decide, shape (B,) each."""
    positive = np.isfinite(distortions) & (distortions > 0)
    least = np.where(positive, distortions, np.inf).min(axis=(1, 2))
    total = np.where(positive, distortions, 0.0).sum(axis=(1, 2))
    none = ~positive.any(axis=(1, 2))
    largest = float(costs.finite.max(initial=1))
    return np.where(none, 1.0, least) / largest * 1e-6, np.where(none, 1.0, total) * 1e6
