"""What the levels of sites cost of that which a budget limits: bytes, or time."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

Theta = npt.NDArray[np.int64]
"""A plan as an array: the index of each site's level, shape (S,)."""
Thetas = npt.NDArray[np.int64]
"""B plans as an array, shape (B, S)."""
Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def _none_shared() -> npt.NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Costs:
    """The costs of the sites at their levels, which add up to that of a plan.

    All are whole numbers, of bytes or nanoseconds, so that sums of them are exact.

    Attributes:
        levels: Cost of each site at each level, shape (S, L); infinity where there is no level.
        fixed: Cost of everything else, what options share not counted.
        shared: Cost of each thing that options share and a plan pays once, shape (C,).
        shares: Whether a site at a level uses such a thing, shape (S, L, C); None for no things.
    """

    levels: Matrix
    fixed: int = 0
    shared: npt.NDArray[np.int64] = field(default_factory=_none_shared)
    shares: Flags | None = None

    @cached_property
    def finite(self) -> Matrix:
        """The costs with 0 where there is no level, shape (S, L)."""
        return np.where(np.isfinite(self.levels), self.levels, 0.0)

    @property
    def beside_sites(self) -> int:
        """The cost of everything but the sites, all that they might share counted."""
        return self.fixed + int(self.shared.sum())

    @cached_property
    def sharing(self) -> tuple[Vector, Flags]:
        """Cost of each shared thing, shape (C,), and which levels use it, shape (S, L, C)."""
        if self.shares is None:
            return np.zeros(0), np.zeros((*self.levels.shape, 0), np.bool_)
        return self.shared.astype(np.float64), self.shares

    @property
    def least(self) -> Theta:
        """The plan of the least cost."""
        theta: Theta = np.argmin(self.levels, axis=1)
        return theta

    def total(self, theta: Theta) -> int:
        """Return the cost of a plan with everything shared counted, used or not.

        A sum over sites, and an upper bound.
        """
        return int(self.totals(theta[None])[0])

    def totals(self, thetas: Thetas) -> Vector:
        """Return what `total` returns for each of B plans, shape (B,)."""
        chosen = self.finite[np.arange(thetas.shape[1])[None], thetas]
        sums: Vector = chosen.sum(axis=1)
        return sums + self.beside_sites

    def exact(self, thetas: Thetas) -> Vector:
        """Return the cost of each of B plans, of what is shared only what it uses, shape (B,)."""
        totals = self.totals(thetas)
        if self.shares is None:
            return totals
        reduced: Vector = totals - ~self._used(self.shares, thetas) @ self.shared
        return reduced

    def _used(self, shares: Flags, thetas: Thetas) -> Flags:
        """Return which of the shared things each of B plans uses, shape (B, C)."""
        of_sites = shares[np.arange(thetas.shape[1])[None], thetas]
        used: Flags = np.any(of_sites, axis=1)
        return used
