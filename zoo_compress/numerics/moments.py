"""First and second moments of what a weight is multiplied with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.feedback import FeedbackFactor, feedback_factor

Matrices = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class InputMoments:
    """Moments of the inputs x of a weight, G groups of K inputs each.

    Attributes:
        mean: E x, shape (G, K).
        covariance: E (x - E x)(x - E x)^T, shape (G, K, K).
    """

    mean: Matrices
    covariance: Matrices

    @cached_property
    def gram(self) -> Matrices:
        """E x x^T, shape (G, K, K)."""
        products: Matrices = self.covariance + self.mean[:, :, None] * self.mean[:, None, :]
        return products

    @cached_property
    def covariance_factor(self) -> FeedbackFactor:
        """What rounding with feedback needs where the bias takes back the mean error."""
        return feedback_factor(self.covariance)

    @cached_property
    def gram_factor(self) -> FeedbackFactor:
        """What rounding with feedback needs elsewhere."""
        return feedback_factor(self.gram)


class MomentSums:
    """Adds up moments, rows of inputs at a time."""

    def __init__(self) -> None:
        """Start with no rows."""
        self._count = 0
        # About their mean, products of rows keep their digits in float32.
        self._centre: Matrices | None = None
        self._sum: npt.NDArray[np.float64] | None = None
        self._products: npt.NDArray[np.float64] | None = None

    def add(self, rows: npt.NDArray[np.floating]) -> None:
        """Take in inputs, shape (G, P, K)."""
        x = np.asarray(rows, np.float32)
        if self._centre is None and x.shape[1]:
            self._centre = x.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
        # Squares that overflow leave no moments, which is no reason for a warning.
        with np.errstate(over="ignore", invalid="ignore"):
            x = x - self._centre if self._centre is not None else x
            total, products = x.sum(axis=1, dtype=np.float64), x.swapaxes(1, 2) @ x
        self._count += x.shape[1]
        self._sum = total if self._sum is None else self._sum + total
        self._products = (
            products.astype(np.float64) if self._products is None else self._products + products
        )

    def moments(self) -> InputMoments | None:
        """Return the moments of all rows; None if there were none or one is not finite.

        Correlations are shrunk towards none, see `shrinkage`: of few rows most are chance.
        """
        if self._sum is None or self._products is None or self._centre is None:
            return None
        shift, products = self._sum / self._count, self._products / self._count
        if not (np.isfinite(shift).all() and np.isfinite(products).all()):
            return None
        covariance = products - shift[:, :, None] * shift[:, None, :]
        diagonal = np.diagonal(covariance, axis1=1, axis2=2)[:, None, :] * np.eye(shift.shape[1])
        mean = self._centre[:, 0] + shift
        share = shrinkage(covariance, self._count)[:, None, None]
        shrunk = (1 - share) * covariance + share * diagonal
        return InputMoments(mean=mean.astype(np.float32), covariance=shrunk.astype(np.float32))


def shrinkage(covariance: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """Return how far sample covariances should move towards their diagonals.

    The oracle approximating shrinkage of Gaussian samples (Chen et al., arXiv 0907.4698, eq. 23),
    applied to the correlations, of which the identity is the target.

    Args:
        covariance: Shape (G, K, K).
        count: Samples that they were taken from.

    Returns:
        Shares from 0 to 1, shape (G,); 0 for K = 1.
    """
    size = covariance.shape[1]
    deviation = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2).clip(0, None))
    inverse = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    correlation = covariance * inverse[:, :, None] * inverse[:, None, :]
    trace = np.trace(correlation, axis1=1, axis2=2)
    power = np.square(correlation).sum(axis=(1, 2))
    spread = (count + 1 - 2 / size) * (power - trace**2 / size)
    found = np.divide(
        (1 - 2 / size) * power + trace**2, spread, out=np.ones_like(power), where=spread > 0
    )
    return np.zeros(len(found)) if size == 1 else found.clip(0, 1)
