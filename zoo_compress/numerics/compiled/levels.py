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
    order: Ints,
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

    Args:
        left: Weights in this order, less what the columns before made up for, shape (G, O, K).
        scales: Of the levels, not in this order, shape (G, O, K); where it is 0, so is the result.
        order: In which the columns come, shape (G, K).
        upper: Of the feedback factor, shape (G, K, K).
        levels: `ScalarQuantizer.levels`.
        low: Of `ScalarQuantizer.index`, as the next two.
        cells: Of it.
        first: Of it.
        thresholds: `ScalarQuantizer.thresholds`.
        start: The first column of the block.
        rounded: There filled with levels times scales, not in this order, shape (G, O, K).
        errors: Filled with the errors over the diagonal of `upper`, shape (G, O, T).
    """
    length = errors.shape[2]
    end = start + length
    feedback = np.zeros((length, BLOCK), np.float32)
    row = np.zeros(BLOCK, np.float32)
    diagonal = np.empty(length, np.float32)
    steps, inverse = np.empty(length, np.float32), np.empty(length, np.float32)
    one = np.float32(1)
    for g in range(left.shape[0]):
        feedback[:, :length] = upper[g, start:end, start:end]
        for t in range(length):
            diagonal[t] = one / feedback[t, t]
        for o in range(left.shape[1]):
            row[:length] = left[g, o, start:end]
            for t in range(length):
                steps[t] = scales[g, o, np.uint64(order[g, start + t])]
            for t in range(length):
                inverse[t] = one / steps[t] if abs(steps[t]) >= TINY else np.float32(0)
            for t in range(length):
                code = level_code(row[t] * inverse[t], low, cells, first, thresholds)
                value = levels[np.uint64(code)] * steps[t]
                rounded[g, o, np.uint64(order[g, start + t])] = value
                shares = feedback[t]
                error = (row[t] - value) * diagonal[t]
                errors[g, o, t] = error
                # Those before t change too, but nothing reads them again.
                for j in range(BLOCK):
                    row[j] -= shares[j] * error
