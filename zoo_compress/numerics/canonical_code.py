"""A prefix code of many lengths, decoded for all symbols at once, one bit of each in turn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class CanonicalCode:
    """Lengths of the codes of symbols 0, 1, 2, ..., which never get shorter from one to the next.

    Attributes:
        lengths: From 1 to `longest`, ascending, shape (symbols,).
        longest: The most bits of a code.
    """

    lengths: Ints
    longest: int

    @cached_property
    def counts(self) -> Ints:
        """How many codes have 1, 2, ..., `longest` bits.

        A decoder starts with p = 0 for each code. Then, for each of these numbers n and the next
        bit b, p becomes 2 p + b - n. Below 0, the code has ended, and p + m is its symbol, m being
        the sum of n so far.
        """
        return np.bincount(self.lengths, minlength=self.longest + 1)[1:]

    @cached_property
    def bits(self) -> Bits:
        """The bit of each code at each place, 0 behind its end, shape (longest, symbols)."""
        ended = np.cumsum(self.counts)
        left, found = (
            np.arange(len(self.lengths)),
            np.zeros((self.longest, len(self.lengths)), int),
        )
        for place in range(self.longest - 1, -1, -1):
            here = self.lengths > place
            # A code that ends here is so many behind the first one of its length; others have p.
            before = ended[place - 1] if place else 0
            child = np.where(self.lengths == place + 1, left - before, left + self.counts[place])
            found[place] = np.where(here, child & 1, 0)
            left = np.where(here, child >> 1, left)
        return found.astype(np.uint8)


def best_code(chances: Doubles, *, longest: int) -> CanonicalCode:
    """Return a code of the fewest bits on average for symbols of these chances.

    Args:
        chances: Descending, shape (symbols,), at least 2 and at most 2^longest of them.
        longest: The most bits of a code.

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
    lengths = np.sort(np.bincount(chosen, minlength=len(chances)))
    return CanonicalCode(lengths=lengths, longest=longest)
