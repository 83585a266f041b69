"""Sums over weights in units of the steps of their rows, for fitting levels and steps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.compiled.machine_code import compiled

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Sums are added up side by side, as many as a vector register holds or more, always in this way:
# a machine with narrower ones gets the same result.
LANES = 16


@compiled
def add_to_bins(
    W: Floats,
    inverse: Floats,
    shares: Floats,
    importance: Floats,
    ends: Floats,
    weight: Doubles,
    moment: Doubles,
) -> int:
    """Add the weights in a range to bins of equal width.

    Args:
        W: Shape (rows, K).
        inverse: 1 / steps of the rows, or 0 where that is to be 0, shape (rows,).
        shares: What a weight of each row counts, shape (rows,).
        importance: By which that is multiplied, shape (rows, K), or (1, K) for all rows.
        ends: Edges of the first and the last bin, shape (2,); weights beyond them are left out.
        weight: What weights count is added here, shape (bins,).
        moment: That times the weights, shape (bins,).

    Returns:
        How many weights are in the range.
    """
    low, high = ends
    bins = len(weight)
    width = (np.float64(high) - np.float64(low)) / bins
    per_unit = 1 / width if width > 0 else 0.0
    count = 0
    for i in range(W.shape[0]):
        counted = importance[i if len(importance) > 1 else 0]
        for j in range(W.shape[1]):
            x = W[i, j] * inverse[i]
            if low <= x <= high:
                share = shares[i] * counted[j]
                place = min(np.uint64((np.float64(x) - low) * per_unit), np.uint64(bins - 1))
                weight[place] += share
                moment[place] += np.float64(share) * x
                count += 1
    return count


@compiled
def count_magnitudes(W: Floats, inverse: Floats, largest: np.float32, counts: Ints) -> None:
    """Count magnitudes in bins of equal width from 0 on.

    Args:
        W: Shape (rows, K).
        inverse: 1 / steps of the rows, or 0 where that is to be 0, shape (rows,).
        largest: Where the last bin ends; larger ones are counted there.
        counts: Added to, shape (bins,).
    """
    last = np.float32(len(counts) - 1)
    per_unit = np.float32(len(counts)) / largest if largest > 0 else np.float32(0)
    for i in range(W.shape[0]):
        for j in range(W.shape[1]):
            place = abs(W[i, j] * inverse[i]) * per_unit
            # NaN counts as 0.
            counts[np.uint64(min(place, last)) if place > 0 else np.uint64(0)] += 1


@compiled
def add_products(
    x: np.float32,
    share: np.float32,
    level: np.float32,
    missed: np.float32,
    sums: Floats,
    lane: int,
) -> None:
    """Add what steps are fitted by: level^2, level x and missed^2, each times a share."""
    sums[0, lane] += share * level * level
    sums[1, lane] += share * level * x
    sums[2, lane] += share * missed * missed


@compiled
def _place(x: np.float32, low: np.float32, places: np.float32, last: np.float32) -> np.float32:
    place = min((x - low) * places + np.float32(0.5), last)
    # NaN has the first place.
    return place if place > 0 else np.float32(0)


@compiled
def sum_by_row(
    W: Floats,
    inverse: Floats,
    importance: Floats,
    table: Floats,
    low: np.float32,
    places: np.float32,
    power: Floats,
    match: Floats,
    error: Floats,
) -> None:
    """Sum squares of levels, products of them with weights, and squared errors of each row.

    Only looking levels up takes a weight at a time: in a loop of its own it does not keep the rest
    from working on several at once, which takes half the time.

    Args:
        W: Shape (rows, K).
        inverse: 1 / steps of the rows, or 0 where that is to be 0, shape (rows,).
        importance: What each weight counts, shape (rows, K), or (1, K) for all rows.
        table: `ScalarQuantizer.table`.
        low: Of it, as the next.
        places: Of it.
        power: Filled with the sums of l^2, shape (rows,).
        match: Filled with the sums of l x.
        error: Filled with the sums of (l - x)^2.
    """
    sums, units = np.empty((3, LANES), np.float32), np.empty(LANES, np.float32)
    levels, found = np.empty(LANES, np.float32), np.empty(LANES, np.int32)
    last, whole = np.float32(len(table) - 1), W.shape[1] // LANES * LANES
    for i in range(W.shape[0]):
        sums[:] = 0
        shares = importance[i if len(importance) > 1 else 0]
        for start in range(0, whole, LANES):
            for lane in range(LANES):
                units[lane] = W[i, start + lane] * inverse[i]
                found[lane] = np.int32(_place(units[lane], low, places, last))
            for lane in range(LANES):
                levels[lane] = table[np.uint32(found[lane])]
            for lane in range(LANES):
                x, level = units[lane], levels[lane]
                add_products(x, shares[start + lane], level, level - x, sums, lane)
        for k in range(whole, W.shape[1]):
            x = W[i, k] * inverse[i]
            level = table[np.uint32(_place(x, low, places, last))]
            add_products(x, shares[k], level, level - x, sums, k - whole)
        power[i], match[i], error[i] = sums[0].sum(), sums[1].sum(), sums[2].sum()
