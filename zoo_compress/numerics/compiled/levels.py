"""The levels of numbers, and rounding rows to them with feedback."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.compiled.machine_code import compiled

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# Columns whose errors reach the columns after them in one product: a product of matrices does
# most of the arithmetic, and a smaller block would leave most of it to the loop.
BLOCK = 32
# Rows that take a step together. With 16 of them it takes half as long again, with 128 as long.
LANES = 64
# Dividing by a smaller scale overflows.
TINY = np.finfo(np.float32).tiny


@compiled
def level_code(
    x: np.float32, low: np.float32, cells: np.float32, first: Ints, thresholds: Floats
) -> np.int64:
    """Return how many thresholds are below a number; see `ScalarQuantizer.index`."""
    place = (x - low) * cells
    # That of NaN is in the first cell.
    cell = np.uint64(min(place, np.float32(len(first) - 2))) if place > 0 else np.uint64(0)
    start, end = np.int64(first[cell]), np.int64(first[cell + np.uint64(1)])
    while start < end:
        middle = (start + end) >> 1
        if thresholds[np.uint64(middle)] < x:
            start = middle + 1
        else:
            end = middle
    return start


@compiled
def find_codes(
    numbers: Floats,
    low: np.float32,
    cells: np.float32,
    first: Ints,
    thresholds: Floats,
    codes: npt.NDArray[np.int32],
) -> None:
    """Find the codes of numbers.

    Args:
        numbers: Shape (n,).
        low: Of `ScalarQuantizer.index`, as the next two.
        cells: Of it.
        first: Of it.
        thresholds: `ScalarQuantizer.thresholds`.
        codes: Filled, shape (n,).
    """
    for i in range(len(numbers)):
        codes[i] = level_code(numbers[i], low, cells, first, thresholds)


@compiled
def round_block(
    left: Floats,
    scales: Floats,
    upper: Floats,
    levels: Floats,
    low: np.float32,
    cells: np.float32,
    first: Ints,
    thresholds: Floats,
    start: int,
    rounded: Floats,
    errors: Floats,
) -> None:
    """Round each row in a block of T columns, one after the other, with feedback.

    Many rows take each step together, so that a core need not wait for one of them.

    Args:
        left: Weights, less what the columns before made up for, shape (G, O, K).
        scales: Of the levels, shape (G, O, K), or (G, O, 1) for one a row; where it is 0, so is
            the result.
        upper: Of the feedback factor, shape (G, K, K).
        levels: `ScalarQuantizer.levels`.
        low: Of `ScalarQuantizer.index`, as the next two.
        cells: Of it.
        first: Of it.
        thresholds: `ScalarQuantizer.thresholds`.
        start: The first column of the block.
        rounded: There filled with levels times scales, shape (G, O, K).
        errors: Filled with the errors over the diagonal of `upper`, shape (G, O, T).
    """
    length, outputs = errors.shape[2], left.shape[1]
    # A column to a row of these, and in it an output to a lane.
    weights, steps = np.zeros((BLOCK, LANES), np.float32), np.zeros((BLOCK, LANES), np.float32)
    values, missed = np.zeros((BLOCK, LANES), np.float32), np.zeros((BLOCK, LANES), np.float32)
    units = np.zeros(LANES, np.float32)
    one, zero, by_row = np.float32(1), np.float32(0), scales.shape[2] == 1
    for g in range(left.shape[0]):
        for begin in range(0, outputs, LANES):
            count = min(LANES, outputs - begin)
            for o in range(count):
                for t in range(length):
                    weights[t, o] = left[g, begin + o, start + t]
                    steps[t, o] = scales[g, begin + o, 0 if by_row else start + t]
            for t in range(length):
                diagonal = one / upper[g, start + t, start + t]
                for o in range(LANES):
                    inverse = one / steps[t, o] if abs(steps[t, o]) >= TINY else zero
                    units[o] = weights[t, o] * inverse
                for o in range(count):
                    code = level_code(units[o], low, cells, first, thresholds)
                    units[o] = levels[np.uint64(code)]
                for o in range(LANES):
                    values[t, o] = units[o] * steps[t, o]
                    missed[t, o] = (weights[t, o] - values[t, o]) * diagonal
                for j in range(t + 1, length):
                    share = upper[g, start + t, start + j]
                    for o in range(LANES):
                        weights[j, o] -= share * missed[t, o]
            for o in range(count):
                for t in range(length):
                    rounded[g, begin + o, start + t] = values[t, o]
                    errors[g, begin + o, t] = missed[t, o]
