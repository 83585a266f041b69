"""Signed 8-bit weights around 0, one step size a channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_compress.core import FloatArray

Array = npt.NDArray[np.float32]

# Fractions of the largest magnitude that the outermost level is tried at.
FRACTIONS = (1.0, 0.97, 0.94, 0.91, 0.88, 0.85, 0.8, 0.75, 0.7)


def symmetric_steps(W: FloatArray, *, levels: int, importance: FloatArray | None = None) -> Array:
    """Return for each row the step size with the least squared error of a few.

    Args:
        W: Weights in rows, shape (N, K), finite.
        levels: Levels on each side of 0: 127 for 8 bits, 63 for 7.
        importance: Weights of the squared errors, broadcastable to W, not negative.

    Returns:
        Shape (N, 1), positive; 1 for a row of zeros.
    """
    rows = np.asarray(W, np.float32)
    shares = np.float32(1) if importance is None else np.float32(importance)
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0)
    # In units of the largest, no square overflows or vanishes.
    unit = np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0)
    best, least = np.ones_like(largest), np.full_like(largest, np.inf)
    for fraction in FRACTIONS:
        step = np.float32(fraction / levels)
        rounded = np.rint(unit / step).clip(-levels, levels) * step
        error = np.sum(shares * np.square(rounded - unit), axis=1, keepdims=True)
        best = np.where(error < least, step, best)
        least = np.minimum(error, least)
    steps: Array = (best * largest).astype(np.float32)
    usable = steps > np.finfo(np.float32).tiny
    return np.where(usable, steps, np.float32(1))
