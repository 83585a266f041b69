"""A prefix code of many lengths, decoded for all symbols at once, one bit of each in turn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint8]

FIRST_BITS = 2
"""Every code has as many bits at least; they are stored apart."""

# Of the largest chance, until no code is shorter than all have to be.
REDUCTION = 0.95


@dataclass(frozen=True, kw_only=True, eq=False)
class CanonicalCode:
    """Lengths of the codes of symbols 0, 1, 2, ..., which never get shorter from one to the next.

    Attributes:
        lengths: From `FIRST_BITS` to `longest`, ascending, shape (symbols,).
        longest: The most bits of a code.
    """

    lengths: Ints
    longest: int

    @cached_property
    def ended(self) -> Ints:
        """How many codes are shorter than 3, 4, ..., `longest` bits.

        A decoder starts with the number r of each code's first two bits. Then, for each of these
        numbers e, every r >= e becomes 2 r - e plus the next bit. At the end r is the symbol.
        """
        return np.searchsorted(self.lengths, np.arange(FIRST_BITS + 1, self.longest + 1))

    def encode(self, symbols: Ints) -> tuple[Bits, Bits]:
        """Return the first two bits of each code, and all others in the order of decoding.

        Returns:
            (first, rest): numbers from 0 to 3 in the shape of `symbols`; zeros and ones, at first
            the third bits of all codes that have one.
        """
        first, bits = self._paths
        lengths = self.lengths[symbols]
        rest = [
            bits[place, symbols[lengths > FIRST_BITS + place]] for place in range(len(self.ended))
        ]
        return first[symbols], np.concatenate(rest)

    def decode(self, first: Bits, rest: Bits) -> Ints:
        """Return the symbols, as the decode subgraph finds them."""
        r, start = first.astype(np.int64), 0
        for ended in self.ended:
            longer = r >= ended
            count = int(np.count_nonzero(longer))
            r[longer] = 2 * r[longer] - ended + rest[start : start + count]
            start += count
        return r

    @cached_property
    def _paths(self) -> tuple[Bits, Bits]:
        """Return, for each symbol, its first two bits as a number, and its bit at each place."""
        r, bits = np.arange(len(self.lengths)), []
        for place, ended in reversed(list(enumerate(self.ended))):
            longer = self.lengths > FIRST_BITS + place
            bits.append(np.where(longer, (r + ended) & 1, 0))
            r = np.where(longer, (r + ended) >> 1, r)
        return r.astype(np.uint8), np.array(bits[::-1], np.uint8)


def best_code(chances: Doubles, *, longest: int) -> CanonicalCode:
    """Return a code of the fewest bits on average for symbols of these chances.

    As long as the best one has a code of a single bit, the most frequent symbols are taken to be
    less frequent.

    Args:
        chances: Descending, shape (symbols,), at least 4 and at most 2^longest of them.
        longest: The most bits of a code.
    """
    lengths = _lengths(chances, longest)
    while lengths[0] < FIRST_BITS:
        chances = np.minimum(chances, chances[0] * REDUCTION)
        lengths = _lengths(chances, longest)
    return CanonicalCode(lengths=lengths, longest=longest)


def _lengths(chances: Doubles, longest: int) -> Ints:
    """Return the lengths of the best code without longer ones, ascending.

    The package-merge algorithm (L. L. Larmore and D. S. Hirschberg, "A fast algorithm for optimal
    length-limited Huffman codes", Journal of the ACM 37, 1990).
    """
    own = [(chance, (symbol,)) for symbol, chance in enumerate(chances)]
    packages: list[tuple[float, tuple[int, ...]]] = []
    for _ in range(longest):
        merged = sorted(own + packages, key=lambda package: package[0])
        pairs = zip(merged[::2], merged[1::2], strict=False)
        packages = [(a[0] + b[0], a[1] + b[1]) for a, b in pairs]
    chosen = [symbol for _, symbols in packages[: len(chances) - 1] for symbol in symbols]
    return np.sort(np.bincount(chosen, minlength=len(chances)))
