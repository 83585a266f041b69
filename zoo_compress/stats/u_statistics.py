"""U-statistics of degree 1 and 2, and how uncertain they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Sample = TypeVar("Sample")


def mean_and_variance(distances: npt.ArrayLike) -> tuple[float, float]:
    """Estimate the function distance and the variance of that estimate.

    The mean of per-input squared distances is the degree-1 U-statistic by which Ma et al.
    ("A Bayesian Optimization Framework for Neural Network Compression", ICCV 2019) estimate
    L = E ||f - f*||^2. It is unbiased and asymptotically Gaussian with variance s^2 / n, where
    s^2 is the sample variance with n - 1 in its denominator.

    Args:
        distances: One squared distance per input, shape (n,), n >= 2.

    Returns:
        (mean, s^2 / n). Both are infinite if any distance is not finite.

    Raises:
        ValueError: If there are fewer than two distances.
    """
    values = np.asarray(distances, dtype=np.float64)
    if values.size < 2:
        raise ValueError(f"a variance needs at least 2 distances, not {values.size}")
    if not np.isfinite(values).all():
        return math.inf, math.inf
    return float(values.mean()), float(values.var(ddof=1) / values.size)


def pair_mean_and_variance(kernel: npt.ArrayLike) -> tuple[float, float]:
    """Estimate the mean of a kernel over pairs of samples, and the variance of that estimate.

    U = sum_{i != j} h_ij / (n (n - 1)) is unbiased for E h(X, X'). Its variance is estimated by
    the delete-1 jackknife, (n - 1) / n sum_i (U_(i) - U)^2, where U_(i) leaves sample i out.
    From the row sums r_i = sum_{j != i} h_ij of mean r,

        U_(i) - U = -2 (r_i - r) / ((n - 1) (n - 2)),

    so that the whole costs O(n^2) and not O(n^3). The jackknife tends to overestimate the
    variance (Efron and Stein, "The Jackknife Estimate of Variance", Annals of Statistics 1981).

    Args:
        kernel: Values h_ij, shape (n, n), symmetric, n >= 3. The diagonal is not read.

    Returns:
        (U, variance). Both are infinite if any h_ij with i != j is not finite.

    Raises:
        ValueError: If the matrix is not square, not symmetric, or of fewer than three samples.
    """
    h = np.array(kernel, dtype=np.float64)
    if h.ndim != 2 or h.shape[0] != h.shape[1]:
        raise ValueError(f"a kernel matrix is square, not of shape {h.shape}")
    n = len(h)
    if n < 3:
        raise ValueError(f"a jackknife over pairs needs at least 3 samples, not {n}")
    np.fill_diagonal(h, 0.0)
    if not np.isfinite(h).all():
        return math.inf, math.inf
    if not np.allclose(h, h.T, rtol=1e-6, atol=1e-9 * np.abs(h).max()):
        raise ValueError("a kernel matrix is symmetric; this one is not")
    sums = h.sum(axis=1)
    spread = np.square(sums - sums.mean()).sum()
    mean = sums.sum() / (n * (n - 1))
    return float(mean), float(4 * spread / (n * (n - 1) * (n - 2) ** 2))


def kernel_matrix(samples: Sequence[Sample], kernel: Callable[[Sample, Sample], float]) -> Matrix:
    """Evaluate a symmetric kernel on every pair of samples.

    Args:
        samples: The n samples.
        kernel: Symmetric in its arguments; called n (n - 1) / 2 times.

    Returns:
        The values, shape (n, n), with zeros on the diagonal.
    """
    values = np.zeros((len(samples), len(samples)))
    for i, j in combinations(range(len(samples)), 2):
        values[i, j] = values[j, i] = kernel(samples[i], samples[j])
    return values
