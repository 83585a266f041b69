"""Codes for pairs of whole numbers near 0, one for each of several widths of distribution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.canonical_code import Bits, CanonicalCode, Doubles, Ints, best_code

# The chances that code c is made for fall with exp(-(k / scale)^2); scales grow from code to code.
# A finer ratio than sqrt(2) saves less than 0.01 bits a number.
NARROWEST, RATIO, CODES = 0.65, 2**0.5, 10
# Whole numbers beyond so many scales have no code.
FURTHEST = 3.0
LONGEST = 15
NO_CODE = 1 << 20
"""Stands for the bits of numbers that a code does not have."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NumberCodes:
    """Prefix codes for pairs of whole numbers, those of narrow distributions first.

    A symbol stands for the same pair in all of them: those with a smaller sum of squares come
    first, among them those of a smaller first number. A code has symbols for the first pairs.

    Attributes:
        codes: Each has at least as many symbols as the one before, the last one all.
        largest: All numbers from minus that to that have symbols.
        scales: Widths of the distributions that the codes are made for, shape (codes,).
    """

    codes: tuple[CanonicalCode, ...]
    largest: int
    scales: Doubles

    @cached_property
    def line(self) -> npt.NDArray[np.int8]:
        """The numbers, ascending."""
        return np.arange(-self.largest, self.largest + 1, dtype=np.int8)

    @cached_property
    def pairs(self) -> npt.NDArray[np.int8]:
        """What the symbols stand for, shape (symbols, 2)."""
        places = np.stack(np.divmod(_order(self.line), len(self.line)), axis=1)
        found: npt.NDArray[np.int8] = self.line[places]
        return found

    @cached_property
    def counts(self) -> Ints:
        """`CanonicalCode.counts` of each code, shape (codes, lengths)."""
        return np.stack([code.counts for code in self.codes])

    @cached_property
    def lengths(self) -> Ints:
        """Bits of each symbol in each code or `NO_CODE`, shape (codes, symbols)."""
        found = np.full((len(self.codes), len(self.pairs)), NO_CODE)
        for row, code in zip(found, self.codes, strict=True):
            row[: len(code.lengths)] = code.lengths
        return found

    @cached_property
    def reaches(self) -> Ints:
        """The largest number that each code has, ascending, shape (codes,)."""
        return np.array([self.pairs[: len(code.lengths)].max() for code in self.codes], np.int64)

    def bits(self, code: int) -> Doubles:
        """Return about how many bits the numbers from -m to m take in a code, shape (2 m + 1,)."""
        reach = self.reaches[code]
        squares = np.square(np.arange(-reach, reach + 1))
        return -np.log2(_chances(squares, float(self.scales[code])))

    def near(self, deviation: npt.NDArray[np.floating], peak: npt.NDArray[np.floating]) -> Ints:
        """Return the code for numbers of each standard deviation and largest magnitude.

        A code without the largest would be shorter, but change a weight that matters by far.
        """
        scale = np.sqrt(2) * np.maximum(deviation, self.scales[0] / 2)
        places = np.rint(np.log(scale / self.scales[0]) / np.log(RATIO))
        needed = np.searchsorted(self.reaches, np.floor(peak))
        found: Ints = np.maximum(places, needed).clip(0, len(self.codes) - 1).astype(np.int64)
        return found

    def symbols(self, numbers: npt.NDArray[np.integer]) -> Ints:
        """Return the symbols of numbers, shape (rows, columns), of the rows 2 i and 2 i + 1.

        A last row without another is put together with zeros.
        """
        rows, columns = numbers.shape
        padded = np.pad(numbers.astype(np.int64), ((0, rows % 2), (0, 0)))
        first, second = padded.reshape(-1, 2, columns).swapaxes(0, 1) + self.largest
        found: Ints = self._symbols[first * len(self.line) + second]
        return found

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
        """The symbol of each pair, row by row."""
        return np.argsort(_order(self.line))

    @cached_property
    def _bits(self) -> Bits:
        """`CanonicalCode.bits` of each code, shape (places, codes, symbols)."""
        shape = (self.counts.shape[1], len(self.codes), len(self.pairs))
        found = np.zeros(shape, np.uint8)
        for number, code in enumerate(self.codes):
            found[:, number, : len(code.lengths)] = code.bits
        return found


@lru_cache(maxsize=1)
def number_codes() -> NumberCodes:
    """Return the codes that trellis-coded weights are stored in."""
    scales: Doubles = NARROWEST * RATIO ** np.arange(CODES, dtype=np.float64)
    furthest = [int(np.ceil(FURTHEST * scale)) + 1 for scale in scales]
    line = np.arange(-furthest[-1], furthest[-1] + 1)
    squares = np.sort(_sums(line))
    fewest = [np.searchsorted(squares, end**2, side="right") for end in furthest[:-1]]
    codes = tuple(
        best_code(_chances(squares[:count], float(scale)), longest=LONGEST)
        for count, scale in zip([*fewest, len(squares)], scales, strict=True)
    )
    return NumberCodes(codes=codes, largest=furthest[-1], scales=scales)


def _sums(line: npt.NDArray[np.integer]) -> Ints:
    """Return the sum of squares of every pair of numbers, row by row."""
    squares = np.square(line.astype(np.int64))
    return np.add.outer(squares, squares).reshape(-1)


def _order(line: npt.NDArray[np.integer]) -> Ints:
    """Return the places of pairs among all of them, row by row, in the order of their symbols."""
    return np.argsort(_sums(line), kind="stable")


def _chances(squares: Ints, scale: float) -> Doubles:
    sizes = np.exp(-squares / scale**2)
    chances: Doubles = sizes / sizes.sum()
    return chances
