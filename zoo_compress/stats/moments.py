"""Mean distance over inputs, and how uncertain that mean is."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


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
