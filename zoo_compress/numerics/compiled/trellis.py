"""The paths of a trellis through some columns, row by row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.compiled.machine_code import compiled

Floats = npt.NDArray[np.float32]
Small = npt.NDArray[np.int8]
Ints = npt.NDArray[np.int64]

# Columns after which the best path is kept and the others are given up. Until then, each of the
# four paths has its own errors to make up for. With 32, outputs change by 2 % more, with 128 by
# 1 % less, but in a quarter more time.
BLOCK = 64


@compiled
def follow_paths(
    units: Floats,
    weights: Floats,
    upper: Floats,
    resolution: np.float32,
    nearest: Small,
    prices: Floats,
    firsts: Ints,
    state: Ints,
    start: int,
    numbers: Small,
    errors: Floats,
) -> None:
    """Find the best path of each row through a block of T columns.

    Args:
        units: Weights in steps of their rows, shape (G, O, K).
        weights: What a squared error counts in each column, shape (G, K).
        upper: Of the feedback factor, shape (G, K, K); (G, 0, 0) without feedback.
        resolution: Places of a table in a unit.
        nearest: `TrellisTables.nearest`.
        prices: `TrellisTables.prices`.
        firsts: The row of `TrellisTables.firsts` for each column, shape (K, 3).
        state: In which each row starts; then that in which it ends, shape (G, O).
        start: The first column of the block.
        numbers: There filled with the whole numbers, shape (G, O, K).
        errors: Filled with their errors over the diagonal of `upper`, shape (G, O, T).
    """
    length = errors.shape[2]
    end = start + length
    fed_back = upper.shape[1] > 0
    # What is left of the weights on the path to each state, before and after a column in turn.
    left = np.zeros((2, 4, BLOCK), np.float32)
    feedback = np.zeros((length, BLOCK), np.float32)
    total = np.empty(4, np.float32)
    costs, errors_of = np.empty(8, np.float32), np.empty(8, np.float32)
    numbers_of = np.empty(8, np.int64)
    found = np.empty((length, 4), np.int8)
    missed = np.empty((length, 4), np.float32)
    origin = np.empty((length, 4), np.uint8)
    half, zero = np.float32(0.5), np.float32(0)
    for g in range(units.shape[0]):
        if fed_back:
            feedback[:, :length] = upper[g, start:end, start:end]
        for o in range(units.shape[1]):
            for s in range(4):
                left[0, s, :length] = units[g, o, start:end]
                # No path that starts elsewhere may win.
                total[s] = zero if s == state[g, o] else np.float32(1e30)
            for t in range(length):
                now = t & 1 if fed_back else 0
                first, middle, free = firsts[start + t]
                weight, offset, last = weights[g, start + t], middle + half, np.float32(2 * middle)
                # The state (b, c) is 2 b + c: b is the grid, and with a number k comes the state
                # (k + c, b) modulo 2.
                for s in range(4):
                    b = s >> 1
                    x = left[now, s, t]
                    along = x * resolution + offset
                    place = np.uint64(first + 2 * b * (2 * middle + 1))
                    # NaN has the first place.
                    place += np.uint64(min(along, last)) if along > zero else np.uint64(0)
                    for parity in range(2):
                        k = np.int64(nearest[place])
                        level = np.float32(k) - half * np.float32(b * np.sign(k))
                        error = x - level
                        numbers_of[2 * s + parity], errors_of[2 * s + parity] = k, error
                        costs[2 * s + parity] = total[s] + (
                            error * error * weight + prices[np.uint64(free + k)]
                        )
                        place += np.uint64(2 * middle + 1)
                for n in range(4):
                    # From (b, 0) by a number of the parity, from (b, 1) by one of the other.
                    one = 4 * (n & 1) + (n >> 1)
                    other = 4 * (n & 1) + 3 - (n >> 1)
                    branch = other if costs[other] < costs[one] else one
                    total[n], origin[t, n] = costs[branch], branch >> 1
                    found[t, n], missed[t, n] = numbers_of[branch], errors_of[branch]
                if fed_back:
                    shares = feedback[t]
                    for n in range(4):
                        error = missed[t, n] / shares[t]
                        missed[t, n] = error
                        taken, rest = left[now, origin[t, n]], left[1 - now, n]
                        # Those before t change too, but nothing reads them again.
                        for j in range(BLOCK):
                            rest[j] = taken[j] - shares[j] * error
            s = 0
            for n in range(1, 4):
                if total[n] < total[s]:
                    s = n
            state[g, o] = s
            for t in range(length - 1, -1, -1):
                numbers[g, o, start + t], errors[g, o, t] = found[t, s], missed[t, s]
                s = origin[t, s]
