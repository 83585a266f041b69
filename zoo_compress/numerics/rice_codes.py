"""Golomb-Rice codes for pairs of whole numbers near 0, one for each of several widths.

The symbol of a pair is its place among all pairs, those with a smaller sum of squares first, among
them those of a smaller first number. Of pairs up to a sum of squares there are about as many as it
is large, so that the chances of the symbols of normal numbers fall by the same factor from each to
the next. For such symbols Golomb's codes are the shortest (R. G. Gallager and D. C. Van Voorhis,
"Optimal source codes for geometrically distributed integer alphabets", IEEE Transactions on
Information Theory 21, 1975). Rice's are those of them that hold the low m bits of a symbol, its
remainder, as they are, and what is left, its quotient, as so many bits that are 1 and a 0.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

LARGEST = 46
"""All numbers from minus that to that have symbols."""
CODES = 16
"""Code m has remainders of m bits, from 0 on."""
LARGEST_QUOTIENT = 255
"""So that a byte counts them."""
WORD = 16
"""Bits of which the remainders of a row of symbols take a multiple."""
FEWEST_COLUMNS = 8
"""So many have codes whose remainders take whole words."""
NO_CODE = 1 << 20
"""Stands for the bits of symbols that a code does not have."""


def line() -> npt.NDArray[np.int8]:
    """Return the numbers, ascending."""
    return np.arange(-LARGEST, LARGEST + 1, dtype=np.int8)


@lru_cache(maxsize=1)
def pairs() -> npt.NDArray[np.int8]:
    """Return what the symbols stand for, shape (symbols, 2)."""
    places = np.stack(np.divmod(_order(), len(line())), axis=1)
    found: npt.NDArray[np.int8] = line()[places]
    return found


def symbols(numbers: npt.NDArray[np.integer]) -> Ints:
    """Return the symbols of pairs of numbers.

    Args:
        numbers: The first numbers and the second ones, shape (2, rows, columns).

    Returns:
        Shape (rows, columns).
    """
    first, second = numbers.astype(np.int64) + LARGEST
    found: Ints = _symbols()[first * len(line()) + second]
    return found


def scale(code: int) -> float:
    """Return s where a code suits numbers whose chances fall with exp(-(k / s)^2).

    There are about pi k^2 pairs up to k, and the chances of 2^m pairs are twice those of the next.
    """
    return float(np.sqrt(2**code / (np.pi * np.log(2))))


def reach(code: int) -> int:
    """Return m where a code has all pairs of numbers from -m to m."""
    numbers = np.arange(LARGEST + 1)
    # The last one of them is (m, m).
    corners = symbols(np.stack([numbers, numbers])[:, :, None])
    return int(np.count_nonzero(corners >> code <= LARGEST_QUOTIENT)) - 1


def number_bits(code: int) -> Doubles:
    """Return about how many bits the numbers from -reach to reach take, shape (2 reach + 1,)."""
    numbers = np.arange(-reach(code), reach(code) + 1)
    chances = np.exp(-np.square(numbers / scale(code)))
    found: Doubles = -np.log2(chances / chances.sum())
    return found


def expected_codes(deviation: npt.NDArray[np.floating], peak: npt.NDArray[np.floating]) -> Ints:
    """Return the codes for numbers of each standard deviation and largest magnitude.

    A code without the largest would be shorter, but change a weight that matters by far.
    """
    wanted = np.sqrt(2) * np.maximum(deviation, scale(0) / 2)
    places = np.rint(2 * np.log2(wanted / scale(0)))
    needed = np.searchsorted(_reaches(), np.floor(peak))
    found: Ints = np.maximum(places, needed).clip(0, CODES - 1).astype(np.int64)
    return found


def bits_taken(coded: Ints) -> Ints:
    """Return the bits that each column of symbols takes in each code, shape (codes, columns).

    Args:
        coded: Symbols, shape (rows, columns).
    """
    rows, largest = len(coded), coded.max(axis=0, initial=0)
    found = np.empty((CODES, coded.shape[1]), np.int64)
    for code, taken in enumerate(found):
        taken[:] = (coded >> code).sum(axis=0) + rows * (code + 1)
        taken[largest >> code > LARGEST_QUOTIENT] = NO_CODE * rows
    return found


def best_codes(taken: Ints) -> Bytes:
    """Return codes of columns in which they take few bits, and their remainders whole words.

    From the best code of each column, either all that is missing is added or all that is too much
    is taken away, one by one, where it costs the least. There is one word at least.

    Args:
        taken: See `bits_taken`; for at least `FEWEST_COLUMNS` columns.

    Returns:
        Shape (columns,).
    """
    best: Ints = np.argmin(taken, axis=0)
    columns = np.arange(taken.shape[1])
    over = int(best.sum()) % WORD
    if over == 0 < best.sum():
        return best.astype(np.uint8)
    found = _moved(taken, best, 1, WORD - over)
    if best.sum() > WORD:
        fewer = _moved(taken, best, -1, over)
        if taken[fewer, columns].sum() <= taken[found, columns].sum():
            found = fewer
    return found.astype(np.uint8)


def _moved(taken: Ints, best: Ints, by: int, times: int) -> Ints:
    codes, columns = best.copy(), np.arange(len(best))
    for _ in range(times):
        further = codes + by
        allowed = (further >= 0) & (further < CODES)
        cost = taken[further.clip(0, CODES - 1), columns] - taken[codes, columns]
        codes[np.argmin(np.where(allowed, cost, np.iinfo(np.int64).max))] += by
    return codes


def packed_remainders(coded: Ints, codes: Bytes, *, rows_first: bool) -> Bytes:
    """Return the remainders of symbols, those of a row of them in words of its own.

    The lowest bit comes first. The words of a row lie behind each other, or the first words of all
    rows in front of the second ones.

    Args:
        coded: Symbols, shape (rows, columns).
        codes: Of the columns, their sum a multiple of `WORD`.
        rows_first: Whether the words of a row lie behind each other.
    """
    columns = np.repeat(np.arange(len(codes)), codes)
    firsts = np.cumsum(codes, dtype=np.int64) - codes
    bits = (coded[:, columns] >> (np.arange(len(columns)) - firsts[columns])) & 1
    packed = np.packbits(bits.astype(np.uint8), axis=1, bitorder="little")
    words = packed.reshape(len(coded), -1, WORD // 8)
    return (words if rows_first else words.swapaxes(0, 1)).reshape(-1)


def packed_quotients(coded: Ints, codes: npt.NDArray[np.integer]) -> Bytes:
    """Return what is left of symbols, each as so many 1 and a 0, in bytes from the lowest bit on.

    Args:
        coded: Symbols, shape (n,).
        codes: Of each, shape (n,).
    """
    ends = np.cumsum((coded >> codes) + 1)
    bits = np.ones(ends[-1] if len(ends) else 0, np.uint8)
    bits[ends - 1] = 0
    return np.packbits(bits, bitorder="little")


@lru_cache(maxsize=1)
def _reaches() -> Ints:
    return np.array([reach(code) for code in range(CODES)], np.int64)


@lru_cache(maxsize=1)
def _order() -> Ints:
    """Return the places of pairs among all of them, row by row, in the order of their symbols."""
    squares = np.square(line().astype(np.int64))
    return np.argsort(np.add.outer(squares, squares).reshape(-1), kind="stable")


@lru_cache(maxsize=1)
def _symbols() -> Ints:
    """Return the symbol of each pair, row by row."""
    return np.argsort(_order())
