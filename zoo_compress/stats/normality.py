"""Is the estimated distance Gaussian yet, and from how many inputs on?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

SAMPLE_SIZES = (5, 10, 20, 50, 100)
NOMINAL_COVERAGE = 0.95
# To the first order of its Edgeworth expansion a standardised mean of skewness 0.5 lies above
# 1.96 with probability 3.9 % and below -1.96 with 1.1 %, instead of 2.5 % each.
LARGEST_SKEWNESS = 0.5
# The interval then misses at most twice as often as it says.
LEAST_COVERAGE = 0.90
# The approximation of the test's kurtosis part, and so its p-value, needs as many.
FEWEST_REPETITIONS = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Normality:
    """How Gaussian the estimate from n inputs is.

    Attributes:
        n: Inputs that an estimate averages over.
        standardised: The estimates, less the true distance of their plan and divided by its
            true standard error, ascending, shape (repetitions,). Gaussian with mean 0 and
            variance 1 in the limit of large n.
        skewness: Of `standardised`; 0 for a Gaussian.
        p_value: Of D'Agostino and Pearson's test that `standardised` is Gaussian.
        coverage: Share of the repetitions whose interval, estimate +- 1.96 s / sqrt(n) with s
            from the same n inputs, holds the true distance; nominally 0.95.
    """

    n: int
    standardised: Vector
    skewness: float
    p_value: float
    coverage: float

    @property
    def acceptable(self) -> bool:
        """Whether |skewness| is at most 0.5 and the coverage at least 0.90."""
        return abs(self.skewness) <= LARGEST_SKEWNESS and self.coverage >= LEAST_COVERAGE


def normality_of_means(
    distances: npt.ArrayLike, *, n: int, repetitions: int, rng: np.random.Generator
) -> Normality:
    """Repeat the estimate of the distance from n random inputs of a random plan.

    The inputs that were measured stand for the distribution: their mean and their variance (with
    N in its denominator) are the true ones. A repetition draws a plan, then n inputs with
    replacement, so that they are independent and n may exceed N, and forms the degree-1
    U-statistic of Ma et al. (ICCV 2019), the mean of the n distances.

    Of the tests at hand D'Agostino and Pearson's K^2 is taken since it combines skewness and
    kurtosis, which are what makes an interval miss, and has no upper limit on repetitions;
    Shapiro and Wilk's p-value is not accurate above 5000. Any test rejects any n once there are
    repetitions enough, so its p-value takes no part in `recommended_inputs`.

    Args:
        distances: Distance of each plan (row) on each input, shape (plans, N), N >= 2, finite,
            no row constant.
        n: Inputs of one estimate, at least 2.
        repetitions: Estimates to form, at least 20.
        rng: Where plans and inputs are drawn from.

    Raises:
        ValueError: If an argument is out of range.
    """
    from scipy.stats import norm, normaltest, skew

    values = np.asarray(distances, np.float64)
    _require(values, n, repetitions)
    mean, deviation = values.mean(axis=1), values.std(axis=1)
    plans = rng.integers(values.shape[0], size=repetitions)
    drawn = values[plans[:, None], rng.integers(values.shape[1], size=(repetitions, n))]
    error = drawn.mean(axis=1) - mean[plans]
    standardised = np.sort(error * math.sqrt(n) / deviation[plans])
    margin = norm.ppf((1 + NOMINAL_COVERAGE) / 2) * drawn.std(axis=1, ddof=1) / math.sqrt(n)
    return Normality(
        n=n,
        standardised=standardised,
        skewness=float(skew(standardised)),
        p_value=float(normaltest(standardised).pvalue),
        coverage=float(np.mean(np.abs(error) <= margin)),
    )


def recommended_inputs(found: Sequence[Normality]) -> int | None:
    """Return the smallest n from which on every estimate is acceptable, or None.

    Acceptable means |skewness| <= 0.5 and coverage of the nominal 95 % interval >= 0.90: see
    `Normality.acceptable`. A size that passes by chance below one that fails does not count.
    """
    recommended = None
    for row in sorted(found, key=lambda row: -row.n):
        if not row.acceptable:
            break
        recommended = row.n
    return recommended


def _require(values: Matrix, n: int, repetitions: int) -> None:
    if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] < 2:
        raise ValueError(f"distances of shape {values.shape}: (plans, inputs >= 2) is needed")
    if not np.isfinite(values).all() or not (values.std(axis=1) > 0).all():
        raise ValueError("the distances of every plan must be finite and vary between inputs")
    if n < 2 or repetitions < FEWEST_REPETITIONS:
        raise ValueError(
            f"n = {n} with {repetitions} repetitions: at least 2 with {FEWEST_REPETITIONS} "
            "are needed"
        )
