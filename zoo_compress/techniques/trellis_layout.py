"""How many codes a trellis-coded weight has, where they lie, and how many bits they may take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Site
from zoo_compress.numerics.canonical_code import FIRST_BITS
from zoo_compress.numerics.rows import from_rows, to_rows
from zoo_compress.numerics.whole_numbers import WholeNumberCode, whole_number_code

Array = npt.NDArray[Any]

# By which a code takes more bits than the entropy of its numbers, about.
REDUNDANCY = 0.03


@dataclass(frozen=True)
class TrellisLayout:
    """A weight whose numbers take so many bits on average, each row of it a path of its own.

    Attributes:
        site: Where the weight is.
        bits: Bits to a number.
    """

    site: Site
    bits: float

    @cached_property
    def code(self) -> WholeNumberCode:
        """Of the numbers."""
        return whole_number_code(self.bits - REDUNDANCY)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Lengths before, along and behind a row; one of the ends is 1."""
        axis, shape = self.site.channel_axis, self.site.shape
        length = self.site.elements // max(shape[axis], 1)
        return (shape[axis], length, 1) if axis == 0 else (1, length, shape[axis])

    @property
    def in_one_piece(self) -> bool:
        """Whether the weights of an output lie on one side of the axis of outputs."""
        axis, shape = self.site.channel_axis, self.site.shape
        return 1 in (math.prod(shape[:axis]), math.prod(shape[axis + 1 :]))

    @property
    def symbols(self) -> int:
        """Number of codes."""
        return -(-self.site.elements // self.code.together)

    @property
    def rest(self) -> int:
        """Bits for all codes behind their first ones, a whole number of bytes."""
        wanted = math.floor(self.bits * self.site.elements)
        return (wanted - FIRST_BITS * self.symbols) // 8 * 8

    @property
    def room(self) -> int:
        """Bits for all codes."""
        return FIRST_BITS * self.symbols + self.rest

    @property
    def fits(self) -> bool:
        """Whether rows can be paths, and there is room for zeros and more."""
        return self.in_one_piece and self.room > self.symbols * int(self.code.code.lengths[0])

    def taken(self, rows: npt.NDArray[np.int8]) -> int:
        """Return the bits that the codes of numbers take, shape (G, O, K)."""
        symbols = self.code.symbols(self.from_rows(rows).reshape(-1))
        return int(self.code.code.lengths[symbols].sum())

    def rows(self, weight: Array) -> Array:
        """Return a weight as rows, shape (G, O, K)."""
        return to_rows(weight, channel_axis=self.site.channel_axis, groups=self.site.groups)

    def from_rows(self, rows: Array) -> Array:
        """Return rows in the shape of the weight."""
        return from_rows(rows, self.site.shape, channel_axis=self.site.channel_axis)
