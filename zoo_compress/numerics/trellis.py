"""Trellis-coded quantization: two grids, and the numbers so far say which of them is next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Small = npt.NDArray[np.int8]

# The best level of a class is looked up for multiples of this share of the distance of levels.
RESOLUTION = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class Trellis:
    """The levels of both grids, and what each costs.

    A whole number k stands for k on the first grid and for k - sgn(k) / 2 on the second: so both
    have a level at 0, and together levels at all multiples of 1/2. A state of two bits (b, c)
    starts as (0, 0); b says which grid is next, and after k the state is (k + c, b) modulo 2.
    In other words, b is the sum of the numbers 1, 3, 5, ... places before, modulo 2. These are
    the states of dependent quantization in Versatile Video Coding (ITU-T H.266).

    Attributes:
        bits: What each whole number costs, from -n to n, shape (2 n + 1,).
        price: Squared error, in units, that a bit is worth.
    """

    bits: npt.NDArray[np.float64]
    price: float

    @property
    def largest(self) -> int:
        """The largest whole number."""
        return len(self.bits) // 2

    @cached_property
    def nearest(self) -> Small:
        """The best number for each grid, parity and place, shape (2, 2, places).

        Places are the multiples of 1 / RESOLUTION, up to one beyond the largest number.
        """
        end = (self.largest + 1) * RESOLUTION
        x = np.arange(-end, end + 1) / RESOLUTION
        k = np.arange(-self.largest, self.largest + 1)
        price = self.price * self.bits
        best = np.empty((2, 2, len(x)), np.int8)
        for grid in range(2):
            own_levels = k - grid * np.sign(k) / 2
            for parity in range(2):
                own = np.flatnonzero(k % 2 == parity)
                cost = np.square(x[:, None] - own_levels[own]) + price[own]
                best[grid, parity] = k[own[np.argmin(cost, axis=1)]]
        return best


@dataclass(frozen=True, eq=False)
class TrellisTables:
    """The tables of several trellises, one behind the other.

    Attributes:
        trellises: Of these.
    """

    trellises: Sequence[Trellis]

    @cached_property
    def nearest(self) -> Small:
        """`Trellis.nearest` of all, flat."""
        return np.concatenate([trellis.nearest.reshape(-1) for trellis in self.trellises])

    @cached_property
    def prices(self) -> Floats:
        """Squared errors that the bits of numbers are worth, flat, shape (sum of 2 n + 1,)."""
        priced = [trellis.price * trellis.bits for trellis in self.trellises]
        return np.concatenate(priced).astype(np.float32)

    @cached_property
    def firsts(self) -> npt.NDArray[np.int64]:
        """Where to look up what, shape (trellises, 3).

        The first place in `nearest`, how many places after it the one of 0 comes, and the place
        of 0 in `prices`.
        """
        largest = np.array([trellis.largest for trellis in self.trellises])
        middles = (largest + 1) * RESOLUTION
        first = np.cumsum([0, *4 * (2 * middles + 1)])[:-1]
        free = np.cumsum([0, *2 * largest + 1])[:-1] + largest
        return np.stack([first, middles, free], axis=1)


def trellis_levels(numbers: npt.NDArray[np.integer]) -> Floats:
    """Return the levels of whole numbers, as the decode subgraph does.

    Args:
        numbers: Paths lie along the last axis.
    """
    length = numbers.shape[-1]
    rows = numbers.reshape(-1, length).astype(np.int32)
    before = np.pad(rows % 2, ((0, 0), (1, length % 2)))[:, : length + length % 2]
    pairs = before.reshape(len(rows), -1, 2)
    grid = (np.cumsum(pairs, axis=1).reshape(before.shape) % 2)[:, :length]
    halves = (grid * np.sign(rows)).astype(np.float32) * np.float32(0.5)
    levels: Floats = rows.astype(np.float32) - halves
    return levels.reshape(numbers.shape)
