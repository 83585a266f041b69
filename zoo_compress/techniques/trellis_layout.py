"""How many codes a trellis-coded weight has, where they lie, and how many bits they may take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from zoo_compress.core import Site
from zoo_compress.numerics.pair_shape import PairShape
from zoo_compress.numerics.rice_codes import FEWEST_COLUMNS, WORD
from zoo_compress.numerics.rows import from_rows, to_rows

Array = npt.NDArray[Any]

QUOTIENT_BITS = 2.4
"""Bits of quotients that there is room for to each symbol; mostly they take 1.8 to 2.3."""


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
    def pair_shape(self) -> PairShape:
        """How the pairs of numbers lie."""
        outputs = self.site.shape[self.site.channel_axis]
        columns = self.site.elements // max(outputs, 1)
        return PairShape(rows=outputs, columns=columns, rows_first=self.rows_first)

    @property
    def in_one_piece(self) -> bool:
        """Whether the weights of an output lie on one side of the axis of outputs."""
        axis, shape = self.site.channel_axis, self.site.shape
        return 1 in (math.prod(shape[:axis]), math.prod(shape[axis + 1 :]))

    @property
    def room(self) -> int:
        """Bytes for all codes, in whole words."""
        return math.floor(self.bits * self.site.elements) // WORD * (WORD // 8)

    @property
    def quotient_room(self) -> int:
        """Bytes, of those, in which the quotients have to lie; at least a word is left."""
        wanted = math.ceil(QUOTIENT_BITS * self.pair_shape.symbols / 8)
        return min(wanted, self.room - WORD // 8)

    @property
    def fits(self) -> bool:
        """Whether rows can be paths, and there is room for zeros."""
        shape = self.pair_shape
        coded_rows = shape.pair_rows // shape.merged
        return (
            self.in_one_piece
            and shape.code_columns >= FEWEST_COLUMNS
            and 8 * self.quotient_room >= shape.symbols
            and 8 * self.room >= shape.symbols + WORD * coded_rows
        )

    def rows(self, weight: Array) -> Array:
        """Return a weight as rows, shape (G, O, K)."""
        return to_rows(weight, channel_axis=self.site.channel_axis, groups=self.site.groups)

    def from_rows(self, rows: Array) -> Array:
        """Return rows in the shape of the weight."""
        return from_rows(rows, self.site.shape, channel_axis=self.site.channel_axis)
