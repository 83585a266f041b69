"""How many codes a trellis-coded weight has, where they lie, and how many bits they may take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from zoo_compress.core import Site
from zoo_compress.numerics.rows import from_rows, to_rows

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class TrellisLayout:
    """A weight whose numbers take so many bits on average, each row of it a path of its own.

    Attributes:
        site: Where the weight is.
        bits: Bits to a number.
    """

    site: Site
    bits: float

    @property
    def rows_first(self) -> bool:
        """Whether the outputs come first, and behind each its weights, or the other way round."""
        return math.prod(self.site.shape[: self.site.channel_axis]) == 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """Lengths before, along and behind a row; one of the ends is 1."""
        outputs = self.site.shape[self.site.channel_axis]
        length = self.site.elements // max(outputs, 1)
        return (outputs, length, 1) if self.rows_first else (1, length, outputs)

    @property
    def rows_shape(self) -> tuple[int, int, int]:
        """`shape` with rows of length 1."""
        before, _, behind = self.shape
        return before, 1, behind

    @property
    def in_one_piece(self) -> bool:
        """Whether the weights of an output lie on one side of the axis of outputs."""
        axis, shape = self.site.channel_axis, self.site.shape
        return 1 in (math.prod(shape[:axis]), math.prod(shape[axis + 1 :]))

    @property
    def symbols_shape(self) -> tuple[int, int, int]:
        """Lengths of the symbols, of two rows each, before, along and behind a row."""
        before, length, behind = self.shape
        return (-(-before // 2), length, 1) if self.rows_first else (1, length, -(-behind // 2))

    @property
    def room(self) -> int:
        """Bits for all codes, a whole number of bytes."""
        return math.floor(self.bits * self.site.elements) // 8 * 8

    @property
    def fits(self) -> bool:
        """Whether rows can be paths, and there is room for zeros and more."""
        return self.in_one_piece and self.room > math.prod(self.symbols_shape)

    def in_file_order(self, symbols: Array) -> Array:
        """Return symbols, shape (rows, columns), one after the other as the file holds them."""
        return (symbols if self.rows_first else symbols.T).reshape(-1)

    def rows(self, weight: Array) -> Array:
        """Return a weight as rows, shape (G, O, K)."""
        return to_rows(weight, channel_axis=self.site.channel_axis, groups=self.site.groups)

    def from_rows(self, rows: Array) -> Array:
        """Return rows in the shape of the weight."""
        return from_rows(rows, self.site.shape, channel_axis=self.site.channel_axis)
