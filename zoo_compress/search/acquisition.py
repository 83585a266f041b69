"""How much a candidate promises, given what is believed of its log distance.

scipy is imported where it is called: it takes a quarter of a second, and only the strategy `gp`
needs it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


def corrected_expected_improvement(mean: Vector, covariance: Matrix, incumbent: int) -> Vector:
    """Return the expected improvement on an incumbent that is itself uncertain.

    With s~^2 = s^2(x) + s^2(x+) - 2 c(x, x+) and D = mean(x+) - mean(x), the improvement of a
    Gaussian pair is s~ phi(D/s~) + D Phi(D/s~): zero at x+ itself, and the usual expected
    improvement when x+ is known exactly (arXiv 2310.05166).

    Args:
        mean: Posterior mean at the candidates, shape (n,), to be minimised.
        covariance: Posterior covariance of the candidates, shape (n, n).
        incumbent: Index of x+ among the candidates.

    Returns:
        The improvements, shape (n,), none negative.
    """
    from scipy.special import ndtr

    variance = np.diag(covariance)
    joint = variance + variance[incumbent] - 2 * covariance[:, incumbent]
    deviation = np.sqrt(np.maximum(joint, 0))
    gain = mean[incumbent] - mean
    ratio = np.divide(gain, deviation, out=np.zeros_like(gain), where=deviation > 0)
    density = np.exp(-0.5 * np.square(ratio)) / np.sqrt(2 * np.pi)
    improvement = deviation * density + gain * ndtr(ratio)
    best: Vector = np.where(deviation > 0, np.maximum(improvement, 0), np.maximum(gain, 0))
    return best


def expected_bytes_saved(
    mean: Vector, variance: Vector, stored_bytes: Vector, *, best_bytes: float, log_limit: float
) -> Vector:
    """Return max(best_bytes - bytes, 0) times the probability that the distance is kept.

    Args:
        mean: Posterior mean of the log distance, shape (n,).
        variance: Posterior variance of it, shape (n,).
        stored_bytes: Sizes of the candidates, shape (n,).
        best_bytes: Size of the smallest plan that keeps the distance.
        log_limit: Logarithm of the most distance allowed.

    Returns:
        Logarithms, shape (n,), as the probabilities may be too small for floats; minus infinity
        where no byte is saved.
    """
    from scipy.special import log_ndtr

    deviation = np.sqrt(np.maximum(variance, 1e-12))
    saved = np.maximum(best_bytes - stored_bytes, 0)
    with np.errstate(divide="ignore"):
        logarithm: Vector = np.log(saved) + log_ndtr((log_limit - mean) / deviation)
    return logarithm


def expected_weighted_improvement(mean: Vector, variance: Vector, strike: Vector) -> Vector:
    """Return E max(strike - exp(z), 0) for z normal: what a log-normal distance saves.

    With d = (log strike - mean) / s this is strike Phi(d) - exp(mean + s^2 / 2) Phi(d - s).

    Args:
        mean: Posterior mean of the log distance, shape (n,).
        variance: Posterior variance s^2 of it, shape (n,).
        strike: The distance at which a candidate is as good as the best one, shape (n,); there
            is no improvement where it is not positive.

    Returns:
        The improvements in the unit of the distance, shape (n,), none negative.
    """
    from scipy.special import ndtr

    deviation = np.sqrt(np.maximum(variance, 1e-12))
    positive = strike > 0
    logarithm = np.log(np.where(positive, strike, 1.0))
    ratio = (logarithm - mean) / deviation
    expected = np.exp(mean + 0.5 * np.square(deviation)) * ndtr(ratio - deviation)
    improvement: Vector = np.where(positive, np.maximum(strike * ndtr(ratio) - expected, 0), 0.0)
    return improvement
