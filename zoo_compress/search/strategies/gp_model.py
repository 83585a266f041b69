"""A Gaussian process on the logarithm of the distance, with known noise for every point."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from skopt.learning import GaussianProcessRegressor
from skopt.learning.gaussian_process.kernels import ConstantKernel, Matern

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

# Log distances differ by about 1 between good and mediocre plans at one budget; a residual
# standard deviation outside this range means that the data cannot tell, and the bound decides.
VARIANCE_BOUNDS = (1e-3, 4.0)
# Features are scaled so that plans of one local pool are 0.1 to 2 apart.
LENGTH_BOUNDS = (0.1, 10.0)
SMALLEST_NOISE = 1e-6
# All candidates see the same inputs, so most of their noise is one common offset, which no
# comparison between them notices. On EfficientNet-Lite0 with 50 inputs 17 % of Var(L) is left in
# the difference of two candidates, halved.
SHARE_OF_NOISE_NOT_COMMON = 0.2


class NoisyGaussianProcess(GaussianProcessRegressor):  # type: ignore[misc]
    """scikit-optimize's Gaussian process with one known noise variance for each observation."""

    def __init__(self, kernel: object, *, optimizer: str | None = "fmin_l_bfgs_b") -> None:
        """Take a kernel; with optimizer None its hyper-parameters stay as they are."""
        super().__init__(kernel=kernel, alpha=SMALLEST_NOISE, optimizer=optimizer, noise=None)

    def fit_noisy(self, features: Matrix, targets: Vector, noise: Vector) -> NoisyGaussianProcess:
        """Fit to targets whose noise variances are known, in the units of the targets."""
        self.alpha = np.maximum(noise, SMALLEST_NOISE)
        with warnings.catch_warnings():
            # A length scale at its bound is an answer, not a fault.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.fit(features, targets)
        return self


def default_kernel() -> object:
    """Return the kernel: a Matern-5/2 with one bounded length scale."""
    return ConstantKernel(0.1, VARIANCE_BOUNDS) * Matern(
        length_scale=1.0, length_scale_bounds=LENGTH_BOUNDS, nu=2.5
    )


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
    variance = np.diag(covariance)
    joint = variance + variance[incumbent] - 2 * covariance[:, incumbent]
    deviation = np.sqrt(np.maximum(joint, 0))
    gain = mean[incumbent] - mean
    ratio = np.divide(gain, deviation, out=np.zeros_like(gain), where=deviation > 0)
    improvement = deviation * norm.pdf(ratio) + gain * norm.cdf(ratio)
    best: Vector = np.where(deviation > 0, np.maximum(improvement, 0), np.maximum(gain, 0))
    return best


def log_noise(distances: Sequence[float], variances: Sequence[float]) -> Vector:
    """Return the variance of log distance that candidates on common inputs do not share.

    Var(log L) is Var(L) / L^2 by the delta method, here at most 1.
    """
    distance = np.asarray(distances, float)
    error = np.sqrt(np.asarray(variances, float))
    relative = np.divide(error, distance, out=np.ones_like(distance), where=distance > 0)
    bounded: Vector = SHARE_OF_NOISE_NOT_COMMON * np.minimum(relative, 1.0) ** 2
    return bounded
