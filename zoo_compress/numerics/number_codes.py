"""Codes for whole numbers near 0, by ones or by pairs: one for each of several widths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.canonical_code import (
    Bits,
    CanonicalCode,
    Doubles,
    Ints,
    best_code,
)

# The chances that code c is made for fall with exp(-(k / scale)^2); scales grow from code to code.
# A finer ratio than sqrt(2) saves less than 0.01 bits a number.
RATIO = 2**0.5
# Of single numbers, and of pairs: the first scale, and how many there are.
NARROWEST, COUNTS = {1: 0.8, 2: 0.65}, {1: 12, 2: 8}
# Whole numbers beyond so many scales have no code.
FURTHEST = 3.0
LONGEST = {1: 12, 2: 13}
NO_CODE = 1 << 20
"""Stands for the bits of numbers that a code does not have."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NumberCodes:
    """Prefix codes for whole numbers, those of narrow distributions first.

    A symbol stands for the same numbers in all of them, the first one for 0. A code has symbols
    for all numbers that are at most as large as the last ones, in the sum of squares.

    Attributes:
        codes: Each has at least as many symbols as the one before.
        numbers: What the symbols of the last one stand for, shape (symbols, 1 or 2).
        scales: Widths of the distributions that they are made for, shape (codes,).
    """

    codes: tuple[CanonicalCode, ...]
    numbers: npt.NDArray[np.int8]
    scales: Doubles

    @property
    def together(self) -> int:
        """Numbers of a symbol."""
        return int(self.numbers.shape[1])

    @property
    def largest(self) -> int:
        """The largest number of the last code."""
        return int(self.numbers.max())

    @cached_property
    def counts(self) -> Ints:
        """`CanonicalCode.counts` of each code, shape (codes, lengths)."""
        return np.stack([code.counts for code in self.codes])

    @cached_property
    def lengths(self) -> Ints:
        """Bits of each symbol in each code or `NO_CODE`, shape (codes, symbols)."""
        found = np.full((len(self.codes), len(self.numbers)), NO_CODE)
        for row, code in zip(found, self.codes, strict=True):
            row[: len(code.lengths)] = code.lengths
        return found

    def bits(self, code: int) -> Doubles:
        """Return about how many bits the numbers from -m to m take in a code, shape (2 m + 1,)."""
        largest = int(self.numbers[: len(self.codes[code].lengths)].max())
        line = np.arange(-largest, largest + 1)
        if self.together == 1:
            return np.asarray(self.lengths[code][self._symbols[line + self.largest]], np.float64)
        return -np.log2(_chances(np.square(line), float(self.scales[code])))

    def near(self, deviation: npt.NDArray[np.floating]) -> Ints:
        """Return the code for numbers of each standard deviation."""
        scale = np.sqrt(2) * np.maximum(deviation, self.scales[0] / 2)
        places = np.rint(np.log(scale / self.scales[0]) / np.log(RATIO))
        found: Ints = places.clip(0, len(self.codes) - 1).astype(np.int64)
        return found

    def symbols(self, numbers: npt.NDArray[np.integer]) -> Ints:
        """Return the symbols of numbers, shape (rows, columns); pairs are of rows 2 i, 2 i + 1.

        A last row without another is put together with zeros.
        """
        rows, columns = numbers.shape
        padded = np.pad(numbers.astype(np.int64), ((0, -rows % self.together), (0, 0)))
        places = padded.reshape(-1, self.together, columns) + self.largest
        return self._symbols[tuple(places.swapaxes(0, 1))]

    def best(self, symbols: Ints) -> tuple[Ints, Ints]:
        """Return the code in which each column of symbols takes the fewest bits, and these.

        Args:
            symbols: Shape (rows, columns).

        Returns:
            (codes, bits), both of shape (columns,).
        """
        taken = np.stack([lengths[symbols].sum(axis=0) for lengths in self.lengths])
        codes = np.argmin(taken, axis=0)
        return codes, taken[codes, np.arange(len(codes))]

    def encode(self, symbols: Ints, codes: npt.NDArray[np.integer]) -> Bits:
        """Return the first bits of all codes, then the second ones of those that have two, ...

        Args:
            symbols: Shape (n,).
            codes: The code of each, shape (n,).
        """
        lengths, found = self.lengths[codes, symbols], []
        for place, bits in enumerate(self._bits):
            at = np.flatnonzero(lengths > place)
            found.append(bits[codes[at], symbols[at]])
        return np.concatenate(found)

    @cached_property
    def _symbols(self) -> Ints:
        """The symbol of each number, or of each two, from -n to n."""
        found = np.empty((2 * self.largest + 1,) * self.together, np.int64)
        found[tuple(self.numbers.T.astype(np.int64) + self.largest)] = np.arange(len(self.numbers))
        return found

    @cached_property
    def _bits(self) -> Bits:
        """`CanonicalCode.bits` of each code, shape (places, codes, symbols)."""
        shape = (self.counts.shape[1], len(self.codes), len(self.numbers))
        found = np.zeros(shape, np.uint8)
        for number, code in enumerate(self.codes):
            found[:, number, : len(code.lengths)] = code.bits
        return found


@lru_cache(maxsize=2)
def number_codes(together: int) -> NumberCodes:
    """Return codes for whole numbers by ones or by pairs.

    Args:
        together: 1 or 2.
    """
    scales: Doubles = NARROWEST[together] * RATIO ** np.arange(COUNTS[together], dtype=np.float64)
    points = _points(_largest(float(scales[-1])), together)
    squares = np.square(points).sum(axis=1)
    fewest = [np.searchsorted(squares, _largest(s) ** 2, side="right") for s in scales[:-1]]
    codes = tuple(
        best_code(_chances(squares[:count], float(scale)), longest=LONGEST[together])
        for count, scale in zip([*fewest, len(squares)], scales, strict=True)
    )
    return NumberCodes(codes=codes, numbers=points.astype(np.int8), scales=scales)


def _largest(scale: float) -> int:
    return int(np.ceil(FURTHEST * scale)) + 1


def _points(largest: int, together: int) -> Ints:
    """Return all numbers, or all pairs of them, those with the smallest sum of squares first."""
    line = np.arange(-largest, largest + 1)
    points = np.stack([axis.reshape(-1) for axis in np.meshgrid(*[line] * together)], axis=1)
    # Of points alike, the one with the larger first number comes first.
    found: Ints = points[np.lexsort((*-points.T, np.square(points).sum(axis=1)))]
    return found


def _chances(squares: Ints, scale: float) -> Doubles:
    sizes = np.exp(-squares / scale**2)
    chances: Doubles = sizes / sizes.sum()
    return chances
