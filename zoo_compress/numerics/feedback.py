"""Round weights one input after the other, each making up for the errors before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
Matrices = npt.NDArray[np.float32]
"""G matrices, shape (G, O, K) or (G, K, K)."""

# Of the mean diagonal, added to it: GPTQ's value, enough for the factor of a Gram matrix of fewer
# inputs than columns to exist.
DAMPING = 0.01
# Columns whose errors reach the columns after them in one product: a product of matrices does
# most of the arithmetic, and a smaller block would leave most of it to the loop.
BLOCK = 32
# The inverse of a smaller scale overflows.
TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, kw_only=True, eq=False)
class FeedbackFactor:
    """How the error of one column is spread over the columns after it.

    Attributes:
        order: The order of the columns, those with the most power first, shape (G, K).
        upper: U with U^T U the inverse of the damped Gram matrix in that order, upper
            triangular, shape (G, K, K).
    """

    order: npt.NDArray[np.int64]
    upper: Matrices


def feedback_factor(gram: npt.NDArray[np.floating], *, by_power: bool = True) -> FeedbackFactor:
    """Prepare `round_with_feedback` for the inputs with these second moments.

    Args:
        gram: E x x^T or a covariance, shape (G, K, K), positive semi-definite.
        by_power: Whether columns come in the order of their power; else as they are.
    """
    H = np.asarray(gram, np.float64)
    power = np.diagonal(H, axis1=1, axis2=2)
    order = np.argsort(-power if by_power else 0 * power, axis=1, kind="stable")
    mean = power.mean(axis=1)[:, None, None]
    # The result does not depend on the scale of the inputs; in this one nothing overflows.
    unit = np.divide(H, mean, out=np.zeros_like(H), where=mean > 0)
    damped = unit + np.where(mean > 0, DAMPING, 1.0) * np.eye(H.shape[1])
    groups = np.arange(len(H))[:, None, None]
    # Of the matrix with its rows and columns in reverse, L L^T with L lower triangular: reversed
    # again, L is upper triangular, and so is its inverse, which is U.
    backwards = order[:, ::-1]
    lower = np.linalg.cholesky(damped[groups, backwards[:, :, None], backwards[:, None, :]])
    upper = _lower_inverses(lower)[:, ::-1, ::-1]
    return FeedbackFactor(order=order, upper=np.ascontiguousarray(upper, np.float32))


def _lower_inverses(lower: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the inverses of lower triangular matrices, shape (G, K, K)."""
    # Imported late: it takes long, and little needs it.
    from scipy.linalg.lapack import dtrtri

    return np.stack([dtrtri(matrix, lower=1)[0] for matrix in lower])


def round_with_feedback(
    W: npt.NDArray[np.floating],
    factor: FeedbackFactor,
    nearest: Callable[[Vector], Vector],
    *,
    scale: npt.NDArray[np.floating],
    mask: npt.NDArray[np.bool_] | None = None,
) -> Matrices:
    """Round weights to `scale` times levels so that outputs, not weights, change little.

    Columns are rounded one by one; what rounding one of them does to the outputs is undone as far
    as the columns that are still free can (GPTQ, arXiv 2210.17323, algorithm 1, with the columns
    of most power first and one order for each group).

    Args:
        W: Weights, shape (G, O, K).
        factor: Of the inputs of these weights.
        nearest: Maps weights in units of their scale to the nearest levels, elementwise.
        scale: Broadcastable to W; where it is 0, so is the result.
        mask: Weights that are not 0, shape (G, O, K); all of them by default.

    Returns:
        Levels times scale, zeros where masked out, shape (G, O, K).
    """

    def ordered(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return rows as columns, one input after the other: each then lies in one piece."""
        return np.take_along_axis(array.swapaxes(1, 2), order, axis=1)

    order = factor.order[:, :, None]
    left = ordered(np.asarray(W, np.float32))
    scales = ordered(np.broadcast_to(np.float32(scale), W.shape))
    kept = None if mask is None else ordered(mask)
    inverse = np.divide(1, scales, out=np.zeros_like(left), where=np.abs(scales) >= TINY)
    rounded, U = np.empty_like(left), factor.upper
    shares = 1 / np.diagonal(U, axis1=1, axis2=2)
    for start in range(0, left.shape[1], BLOCK):
        end = min(start + BLOCK, left.shape[1])
        errors = np.empty((len(left), end - start, left.shape[2]), np.float32)
        for k in range(start, end):
            column, error = left[:, k], errors[:, k - start]
            found = np.multiply(nearest(column * inverse[:, k]), scales[:, k], out=rounded[:, k])
            if kept is not None:
                found *= kept[:, k]
            np.subtract(column, found, out=error)
            error *= shares[:, k, None]
            left[:, k + 1 : end] -= U[:, k, k + 1 : end, None] * error[:, None]
        left[:, end:] -= U[:, start:end, end:].swapaxes(1, 2) @ errors
    result = np.empty_like(rounded)
    np.put_along_axis(result, np.broadcast_to(order, result.shape), rounded, axis=1)
    return np.ascontiguousarray(result.swapaxes(1, 2))
