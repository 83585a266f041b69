"""A Gaussian process on the logarithm of the distance, with known noise for every point."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist
from sklearn.exceptions import ConvergenceWarning
from skopt.learning import GaussianProcessRegressor
from skopt.learning.gaussian_process.kernels import (
    ConstantKernel,
    Hyperparameter,
    Kernel,
    Matern,
)

from zoo_compress.search.acquisition import corrected_expected_improvement

__all__ = [
    "NoisyGaussianProcess",
    "PlanKernel",
    "corrected_expected_improvement",
    "default_kernel",
    "log_noise",
]

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

# Log distances differ by about 1 between good and mediocre plans at one budget; a residual
# standard deviation outside this range means that the data cannot tell, and the bound decides.
VARIANCE_BOUNDS = (1e-4, 4.0)
# Features are scaled so that plans of one local pool are 0.1 to 2 apart.
LENGTH_BOUNDS = (0.1, 10.0)
SMALLEST_NOISE = 1e-6
# The prior of every hyper-parameter is log-normal around its start, a factor e^2 = 7 either way
# being two standard deviations: a dozen trials alone do not tell them.
PRIOR_DEVIATION = 1.0
# All candidates see the same inputs, so most of their noise is one common offset, which no
# comparison between them notices. On EfficientNet-Lite0 with 50 inputs 17 % of Var(L) is left in
# the difference of two candidates, halved.
SHARE_OF_NOISE_NOT_COMMON = 0.2


class PlanKernel(Kernel):  # type: ignore[misc]
    """What two plans have in common: the levels that they share, and how near they are.

    With p_l the share of site l in a plan's predicted distance and r the distance of two plans
    in the amplitudes of their sites' contributions,

        k = a sum_l sqrt(p_l p'_l) [same level at l] + b Matern52(r / length) + c.

    The first term says that each (site, level) has an error of its own in the scan's prediction,
    of a variance in proportion to its share: with it 40 plans explain 40 to 70 % of the residual
    variance of others on two models, with the second alone 33 to 50 %. The third is the error
    that all plans share.

    A row holds the amplitudes of the S sites, then the square roots of the shares, one column
    for each site and level: sqrt(p_l) at the plan's level and 0 elsewhere.

    Attributes:
        sites: How many sites S there are.
        level_variance: a.
        plan_variance: b.
        length: Of the Matern term.
        common_variance: c.
    """

    def __init__(
        self,
        sites: int,
        level_variance: float = 0.02,
        plan_variance: float = 0.01,
        length: float = 1.0,
        common_variance: float = 0.04,
    ) -> None:
        self.sites = sites
        self.level_variance = level_variance
        self.plan_variance = plan_variance
        self.length = length
        self.common_variance = common_variance

    @property
    def hyperparameter_level_variance(self) -> Hyperparameter:
        """The hyper-parameter a."""
        return Hyperparameter("level_variance", "numeric", VARIANCE_BOUNDS)

    @property
    def hyperparameter_plan_variance(self) -> Hyperparameter:
        """The hyper-parameter b."""
        return Hyperparameter("plan_variance", "numeric", VARIANCE_BOUNDS)

    @property
    def hyperparameter_length(self) -> Hyperparameter:
        """The length scale."""
        return Hyperparameter("length", "numeric", LENGTH_BOUNDS)

    @property
    def hyperparameter_common_variance(self) -> Hyperparameter:
        """The hyper-parameter c."""
        return Hyperparameter("common_variance", "numeric", VARIANCE_BOUNDS)

    def __call__(
        self, X: Matrix, Y: Matrix | None = None, eval_gradient: bool = False
    ) -> Matrix | tuple[Matrix, npt.NDArray[np.float64]]:
        """Return k(X, Y), and with `eval_gradient` its gradient in the log hyper-parameters."""
        other = X if Y is None else Y
        levels = self.level_variance * self.alike(X, other)
        scaled = np.sqrt(5) * cdist(X[:, : self.sites], other[:, : self.sites]) / self.length
        decay = self.plan_variance * np.exp(-scaled)
        near = (1 + scaled + np.square(scaled) / 3) * decay
        total: Matrix = levels + near + self.common_variance
        if not eval_gradient:
            return total
        by_length = np.square(scaled) / 3 * (1 + scaled) * decay
        # In the order of the names, as scikit-learn sorts hyper-parameters.
        common = np.full_like(total, self.common_variance)
        return total, np.dstack([common, by_length, levels, near])

    def alike(self, X: Matrix, Y: Matrix) -> Matrix:
        """Return sum_l sqrt(p_l p'_l) [same level at l] for all pairs, shape (n, m)."""
        found: Matrix = X[:, self.sites :] @ Y[:, self.sites :].T
        return found

    def diag(self, X: Matrix) -> Vector:
        """Return k(x, x) for every row."""
        shares = np.square(X[:, self.sites :]).sum(axis=1)
        own: Vector = self.level_variance * shares + self.plan_variance + self.common_variance
        return own

    def is_stationary(self) -> bool:
        """Return that it depends on more than the difference of two rows."""
        return False


class NoisyGaussianProcess(GaussianProcessRegressor):  # type: ignore[misc]
    """scikit-optimize's Gaussian process with one known noise variance for each observation.

    Its hyper-parameters are the maximum a posteriori: a log-normal prior around those that it
    starts from joins the likelihood.
    """

    def __init__(self, kernel: object, *, optimizer: str | None = "fmin_l_bfgs_b") -> None:
        """Take a kernel; with optimizer None its hyper-parameters stay as they are."""
        super().__init__(kernel=kernel, alpha=SMALLEST_NOISE, optimizer=optimizer, noise=None)

    def fit_noisy(self, features: Matrix, targets: Vector, noise: Vector) -> NoisyGaussianProcess:
        """Fit to targets whose noise variances are known, in the units of the targets."""
        self.alpha = np.maximum(noise, SMALLEST_NOISE)
        with warnings.catch_warnings():
            # A hyper-parameter at its bound is an answer, not a fault.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.fit(features, targets)
        return self

    def log_marginal_likelihood(
        self,
        theta: Vector | None = None,
        eval_gradient: bool = False,
        clone_kernel: bool = True,
    ) -> float | tuple[float, Vector]:
        """Return the log likelihood plus the log prior at log hyper-parameters `theta`."""
        found = super().log_marginal_likelihood(theta, eval_gradient, clone_kernel)
        if theta is None:
            return float(found)
        away = (np.asarray(theta) - self.kernel.theta) / PRIOR_DEVIATION
        penalty = 0.5 * float(away @ away)
        if not eval_gradient:
            return float(found) - penalty
        value, gradient = found
        return float(value) - penalty, gradient - away / PRIOR_DEVIATION


def default_kernel() -> object:
    """Return a kernel for points without sites: a Matern-5/2 with one bounded length scale."""
    return ConstantKernel(0.1, VARIANCE_BOUNDS) * Matern(
        length_scale=1.0, length_scale_bounds=LENGTH_BOUNDS, nu=2.5
    )


def log_noise(distances: Sequence[float], variances: Sequence[float]) -> Vector:
    """Return the variance of log distance that candidates on common inputs do not share.

    Var(log L) is Var(L) / L^2 by the delta method, here at most 1.
    """
    distance = np.asarray(distances, float)
    error = np.sqrt(np.asarray(variances, float))
    relative = np.divide(error, distance, out=np.ones_like(distance), where=distance > 0)
    # Also where the variance is not a number.
    bounded: Vector = SHARE_OF_NOISE_NOT_COMMON * np.where(relative < 1, relative, 1.0) ** 2
    return bounded
