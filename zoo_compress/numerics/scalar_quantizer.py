"""Levels for numbers, and the thresholds between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Index = tuple[np.float32, np.float32, npt.NDArray[np.int64]]
Table = tuple[Floats, np.float32, np.float32]

# Cells of the index: with several for a level, a search has one or two steps.
CELLS = 1 << 10
# Of the table: 256 levels have 32 places each.
PLACES = 1 << 13
# Thresholds that are closer together are one for these; what they divide by does not overflow.
NARROWEST = 2.0**-100


@dataclass(frozen=True, eq=False)
class ScalarQuantizer:
    """Maps numbers to levels.

    Attributes:
        levels: Ascending, shape (n,).
        thresholds: The largest number that each level but the last stands for, ascending, shape
            (n - 1,).
    """

    levels: Floats
    thresholds: Floats

    def __call__(self, numbers: npt.NDArray[np.floating[Any]]) -> Floats:
        """Return the levels of numbers."""
        found: Floats = self.levels[self.codes(numbers)]
        return found

    def codes(self, numbers: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int32]:
        """Return the place of the level of each number among all."""
        # Imported late: it takes long.
        from zoo_compress.numerics.compiled.levels import find_codes

        flat = np.ascontiguousarray(numbers, np.float32).reshape(-1)
        found = np.empty(flat.shape, np.int32)
        find_codes(flat, *self.index, self.thresholds, found)
        return found.reshape(numbers.shape)

    @cached_property
    def index(self) -> Index:
        """Where to search: numbers in cells of equal width, and the thresholds in these.

        Returns:
            (low, cells, first): a number x is in cell (x - low) * cells, cut off and clipped;
            the thresholds of cell c are those from first[c] up to first[c + 1].
        """
        low, high = (self.thresholds[[0, -1]]) if len(self.thresholds) else (0, 0)
        low, width = np.float32(low), np.float32(high) - np.float32(low)
        cells = np.float32(CELLS) / width if width > NARROWEST else np.float32(0)
        # With the operations that numbers are put into cells with, so that no edge is missed.
        own = ((self.thresholds - low) * cells).clip(0, CELLS - 1).astype(np.int64)
        return low, cells, np.searchsorted(own, np.arange(CELLS + 1))

    @cached_property
    def table(self) -> Table:
        """The levels of numbers at equal distances, which is enough to fit steps by.

        Returns:
            (levels, low, places): that of x is the one at (x - low) * places, rounded and clipped.
        """
        low, high = (self.thresholds[[0, -1]]) if len(self.thresholds) else (0, 0)
        width = float(high) - float(low)
        if not width > NARROWEST:
            return self.levels[[0, -1]], np.float32(low), np.float32(np.finfo(np.float32).max)
        margin = width / PLACES
        found = np.linspace(low - margin, high + margin, PLACES + 3)
        return self(found), np.float32(found[0]), np.float32(1 / margin)


def nearest_level(levels: npt.NDArray[np.floating[Any]]) -> ScalarQuantizer:
    """Return what maps numbers to the nearest of some levels; halfway to the lower one.

    Args:
        levels: Ascending, shape (n,), n at least 1.
    """
    found = np.asarray(levels, np.float32)
    return ScalarQuantizer(found, np.float32(0.5) * (found[1:] + found[:-1]))


def whole_numbers(least: int, largest: int) -> ScalarQuantizer:
    """Return what rounds to whole numbers in a range."""
    return nearest_level(np.arange(least, largest + 1, dtype=np.float32))
