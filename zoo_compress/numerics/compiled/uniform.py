"""Sums over weights on a uniform grid, for fitting the steps of rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.compiled.fits import LANES, add_products
from zoo_compress.numerics.compiled.machine_code import compiled

Floats = npt.NDArray[np.float32]


@compiled
def _add(
    x: np.float32,
    share: np.float32,
    step: np.float32,
    inverse: np.float32,
    zero: np.float32,
    last: np.float32,
    sums: Floats,
    lane: int,
) -> None:
    code = np.floor(x * inverse + zero + np.float32(0.5))
    code = min(max(code, np.float32(0)), last) - zero
    add_products(x, share, code, code * step - x, sums, lane)


@compiled
def sum_on_grid(
    W: Floats,
    importance: Floats,
    step: Floats,
    inverse: Floats,
    zero: np.float32,
    last: np.float32,
    power: Floats,
    match: Floats,
    error: Floats,
) -> None:
    """Sum squares of codes, products of them with weights, and squared errors of each row.

    Args:
        W: Shape (rows, K).
        importance: What each weight counts, shape (rows, K), or (1, K) for all rows.
        step: Shape (rows,).
        inverse: 1 / step, or 0 where that is to be 0, shape (rows,).
        zero: The code of 0.
        last: The largest code; the least is 0.
        power: Filled with the sums of (c - zero)^2, shape (rows,).
        match: Filled with the sums of (c - zero) x.
        error: Filled with the sums of ((c - zero) * step - x)^2.
    """
    sums = np.empty((3, LANES), np.float32)
    whole = W.shape[1] // LANES * LANES
    for i in range(W.shape[0]):
        sums[:] = 0
        shares, own, scale = importance[i if len(importance) > 1 else 0], step[i], inverse[i]
        for start in range(0, whole, LANES):
            for lane in range(LANES):
                k = start + lane
                _add(W[i, k], shares[k], own, scale, zero, last, sums, lane)
        for k in range(whole, W.shape[1]):
            _add(W[i, k], shares[k], own, scale, zero, last, sums, k - whole)
        power[i], match[i], error[i] = sums[0].sum(), sums[1].sum(), sums[2].sum()
