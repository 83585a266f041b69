"""Round weights one input after the other, each making up for the errors before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.scalar_quantizer import ScalarQuantizer

Matrices = npt.NDArray[np.float32]
"""G matrices, shape (G, O, K) or (G, K, K)."""
Doubles = npt.NDArray[np.float64]

DAMPING = 0.01
"""Of the mean diagonal, the least that is added to it: GPTQ's value."""

FAR = 256
"""Columns whose errors reach those behind them together."""

SMALL = 32
"""Rows of the largest matrices that are inverted, so that all are multiplied in one call."""


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

    def errors(self, change: npt.NDArray[np.floating]) -> Doubles:
        """Return by how much changes of weights, shape (G, O, K), change each output.

        That is d H d^T for each row d, H being the damped Gram matrix in units of the mean of its
        diagonal before that: H = (U^T U)^-1, so that the sum of squares of U^-T d is the same.

        Returns:
            Shape (G, O).
        """
        rows = self.in_order(np.asarray(change, np.float32))
        if self._inverse is not None:
            solved = rows @ self._inverse
        else:
            # Imported late: it takes long, and little needs it.
            from scipy.linalg.blas import strsm

            pairs = zip(self.upper, rows, strict=True)
            solved = np.stack([strsm(1.0, U.T, R.T, lower=1).T for U, R in pairs])
        found: Doubles = np.square(solved).sum(axis=2, dtype=np.float64)
        return found

    @cached_property
    def _inverse(self) -> Matrices | None:
        """That of `upper` if it is small: depthwise convolutions have many small ones."""
        small = self.upper.shape[1] <= SMALL
        return np.linalg.inv(self.upper) if small else None

    def in_order(self, W: Matrices) -> Matrices:
        """Return the columns of each group in `order`, shape (G, O, K), as a new array."""
        found: Matrices
        if len(W) == 1:
            # Less than half the time of the other.
            found = np.take(W, self.order[0], axis=2)
        else:
            found = np.take_along_axis(W, self.order[:, None], axis=2)
        return found

    def as_they_were(self, W: Matrices) -> Matrices:
        """Return columns that are in `order` where they were before, as a new array."""
        places = np.argsort(self.order, axis=1)
        return replace(self, order=places).in_order(W)


@dataclass(frozen=True, kw_only=True, eq=False)
class FedBack:
    """Weights that were rounded with feedback.

    Attributes:
        rounded: Levels times scale, zeros where masked out, shape (G, O, K).
        errors: By how much that changes each output, as `FeedbackFactor.errors` says, (G, O).
    """

    rounded: Matrices
    errors: Doubles


def feedback_factor(
    gram: npt.NDArray[np.floating], *, damping: float = DAMPING, by_power: bool = True
) -> FeedbackFactor:
    """Prepare `round_with_feedback` for the inputs with these second moments.

    Args:
        gram: E x x^T or a covariance, shape (G, K, K), positive semi-definite.
        damping: Of the mean diagonal, what is added to it.
        by_power: Whether columns come in the order of their power; else as they are.
    """
    power = np.diagonal(gram, axis1=1, axis2=2).astype(np.float64)
    order = np.argsort(-power if by_power else 0 * power, axis=1, kind="stable")
    upper = np.empty(gram.shape, np.float32)
    for found, C, columns, mean in zip(upper, gram, order, power.mean(axis=1), strict=True):
        # Of the matrix with its rows and columns in reverse, L L^T with L lower triangular:
        # reversed again, L is upper triangular, and so is its inverse, which is U. The result does
        # not depend on the scale of the inputs; in that of their mean nothing overflows.
        backwards = columns[::-1]
        unit = C[np.ix_(backwards, backwards)] / mean if mean > 0 else np.zeros_like(C)
        found[:] = _inverse_factor(unit, damping if mean > 0 else 1.0)[::-1, ::-1]
    return FeedbackFactor(order=order, upper=upper)


def _inverse_factor(C: npt.NDArray[np.floating], damping: float) -> npt.NDArray[np.floating]:
    """Return the inverse of the lower triangular factor of a damped matrix.

    In float32 it takes a quarter of the time and had the same first six digits for inputs of
    EfficientNet-Lite0; where that has no factor, float64 does.

    Raises:
        numpy.linalg.LinAlgError: If there is none.
    """
    # Imported late: it takes long, and little needs it.
    from scipy.linalg.lapack import get_lapack_funcs

    for dtype in (np.float32, np.float64):
        damped: npt.NDArray[Any] = C.astype(dtype)
        damped[np.diag_indices(len(C))] += damping
        factorise, invert = get_lapack_funcs(("potrf", "trtri"), dtype=dtype)
        lower, failed = factorise(damped, lower=True, clean=True)
        if not failed:
            inverse: npt.NDArray[np.floating] = invert(lower, lower=True)[0]
            return inverse
    raise np.linalg.LinAlgError("a matrix of moments is not positive definite")


def round_with_feedback(
    W: npt.NDArray[np.floating],
    factor: FeedbackFactor,
    quantizer: ScalarQuantizer,
    *,
    scale: npt.NDArray[np.floating],
    mask: npt.NDArray[np.bool_] | None = None,
) -> FedBack:
    """Round weights to `scale` times levels so that outputs, not weights, change little.

    Columns are rounded one by one; what rounding one of them does to the outputs is undone as far
    as the columns that are still free can (GPTQ, arXiv 2210.17323, algorithm 1, with the columns
    of most power first and one order for each group).

    Args:
        W: Weights, shape (G, O, K).
        factor: Of the inputs of these weights.
        quantizer: The levels for weights in units of their scale.
        scale: Broadcastable to W; where it is 0, so is the result. Shape (G, O, 1) takes less time
            than that of W.
        mask: Weights that are not 0, shape (G, O, K); all of them by default.
    """
    # Imported late: it takes long.
    from zoo_compress.numerics.compiled.levels import BLOCK, round_block

    left = factor.in_order(np.asarray(W, np.float32))
    scales = np.asarray(scale, np.float32)
    if mask is not None:
        scales = np.where(mask, scales, np.float32(0))
    if scales.shape != (*W.shape[:2], 1):
        scales = factor.in_order(np.broadcast_to(scales, W.shape))
    rounded, upper = np.empty_like(left), factor.upper
    total = np.zeros(left.shape[:2])

    def round_columns(start: int, errors: Matrices) -> None:
        round_block(
            left,
            scales,
            upper,
            quantizer.levels,
            *quantizer.index,
            quantizer.thresholds,
            start,
            rounded,
            errors,
        )
        np.add(total, np.einsum("got,got->go", errors, errors), out=total)

    feed_back(left, upper, BLOCK, round_columns)
    return FedBack(rounded=factor.as_they_were(rounded), errors=total)


def feed_back(
    left: Matrices, upper: Matrices, block: int, code: Callable[[int, Matrices], None]
) -> None:
    """Code columns block by block, and take what each block misses out of the columns behind it.

    Columns that are far behind get the errors of several blocks at once: each time, all of them
    come out of memory and go back there.

    Args:
        left: Weights, less what the columns before made up for, changed in place, (G, O, K).
        upper: Of the feedback factor, shape (G, K, K); (G, 0, 0) without feedback.
        block: Columns of a block.
        code: Codes a block, given its first column and an array for its errors, (G, O, T).
    """
    groups, outputs, length = left.shape
    fed_back = upper.shape[1] > 0
    for first in range(0, length, FAR):
        last = min(first + FAR, length)
        missed = np.empty((groups, outputs, last - first), np.float32)
        for start in range(first, last, block):
            end = min(start + block, last)
            errors = np.empty((groups, outputs, end - start), np.float32)
            code(start, errors)
            missed[:, :, start - first : end - first] = errors
            if fed_back and end < last:
                left[:, :, end:last] -= errors @ upper[:, start:end, end:last]
        if fed_back and last < length:
            left[:, :, last:] -= missed @ upper[:, first:last, last:]
