"""How the pairs of numbers lie whose symbols a file holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Element = TypeVar("Element", bound=np.generic)

MANY_COLUMNS = 64
"""From so many columns of symbols on, remainders fill words at next to no cost."""


@dataclass(frozen=True, kw_only=True)
class PairShape:
    """A matrix of numbers, two of each column with one symbol.

    Those of a pair lie in the first and the second half of the rows: what is looked up for all
    first numbers and for all second ones then makes up the matrix, one behind the other.

    Attributes:
        rows: Of the matrix; if they are odd, zeros make one more.
        columns: Of the matrix.
        rows_first: Whether it lies row after row, or column after column.
    """

    rows: int
    columns: int
    rows_first: bool

    @property
    def pair_rows(self) -> int:
        """Rows of symbols."""
        return -(-self.rows // 2)

    @property
    def symbols(self) -> int:
        """How many there are."""
        return self.pair_rows * self.columns

    @cached_property
    def merged(self) -> int:
        """How many rows of symbols are coded as one, where columns are few."""
        found = 1
        while (
            self.rows_first
            and found * self.columns < MANY_COLUMNS
            and self.pair_rows % (2 * found) == 0
            and self.pair_rows
        ):
            found *= 2
        return found

    @property
    def code_columns(self) -> int:
        """How many columns of symbols have codes of their own."""
        return self.merged * self.columns

    def padded(self, values: npt.NDArray[Element], fill: int = 0) -> npt.NDArray[Element]:
        """Return values of rows, shape (rows, ...), with one more row where they are odd."""
        more = [(0, self.rows % 2)] + [(0, 0)] * (values.ndim - 1)
        return np.pad(values, more, constant_values=fill)

    def paired(self, numbers: npt.NDArray[Element]) -> npt.NDArray[Element]:
        """Return the first and the second numbers of pairs, shape (2, pair_rows, columns)."""
        return self.padded(numbers).reshape(2, self.pair_rows, self.columns)

    def merged_rows(self, symbols: npt.NDArray[Element]) -> npt.NDArray[Element]:
        """Return symbols, shape (pair_rows, columns), by column that has a code."""
        return symbols.reshape(self.pair_rows // self.merged, self.code_columns)

    def in_order(self, symbols: npt.NDArray[Element]) -> npt.NDArray[Element]:
        """Return what belongs to symbols, rows and columns of them, in the order of the file."""
        return (symbols if self.rows_first else symbols.T).reshape(-1)
