"""Upper bound of the mean of bounded values, by betting against larger means."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from zoo_compress.stats.bounds import require_share

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
# Largest share of the capital at stake. The paper suggests 1/2 or 3/4 for intervals; where most
# values are near 0, as distances between similar models are, 0.9 was narrower: at n = 200 and
# Beta(0.3, 20), mean 0.015, the bound was 0.044, 0.034 and 0.031 for the three.
STAKE = 0.9
# Each halves an interval of length 1, so the bound is exact to 1e-9.
BISECTIONS = 30


def betting_upper(values: npt.ArrayLike, *, confidence: float) -> float:
    """Bound the mean of values in [0, 1] from above, at every sample size.

    The one-sided hedged-capital interval of Waudby-Smith and Ramdas, "Estimating means of bounded
    random variables by betting" (arXiv 2010.09686), with predictable plug-in bets and only those
    on small values. Whoever doubts a mean m bets that values fall below it: the capital

        K_t(m) = prod_{i <= t} (1 - l_i(m) (X_i - m)),  l_i(m) = min(l_i, 0.9 / (1 - m)),
        l_i = sqrt(2 log(1 / a) / (n s_{i-1}^2)),  a = 1 - confidence,

    is a martingale of mean 1 if m is the true mean, so that it ever reaches 1 / a with a
    probability of at most a (Ville's inequality). It grows with m. The bound is the smallest m
    whose capital did reach 1 / a, and at least the sample's mean. The plug-in s_i^2 = (1/4 +
    sum_{j <= i} (X_j - m_j)^2) / (i + 1), m_j = (1/2 + sum_{k <= j} X_k) / (j + 1), sees earlier
    values only.

    The values are read in the order given, which must be fixed before they are seen, for example
    the order in which the inputs were drawn. Another order gives another bound; to try several
    and take the least voids the confidence.

    Args:
        values: Independent draws, shape (n,), n >= 1, each in [0, 1].
        confidence: In (0, 1).

    Returns:
        The bound, in [0, 1]. It covers the mean with a probability of at least `confidence`.

    Raises:
        ValueError: If there is no value, a value is outside [0, 1], or confidence out of range.
    """
    return float(betting_upper_bounds(np.ravel(values)[None, :], confidence=confidence)[0])


def betting_upper_bounds(samples: npt.ArrayLike, *, confidence: float) -> Vector:
    """Return `betting_upper` of each of k samples of equal size.

    Args:
        samples: One sample a row, shape (k, n), n >= 1, each value in [0, 1].
        confidence: In (0, 1).

    Returns:
        The bounds, shape (k,).

    Raises:
        ValueError: If samples are empty, a value is outside [0, 1], or confidence out of range.
    """
    require_share("confidence", confidence)
    values = np.asarray(samples, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(f"a bound needs at least one value; the samples have {values.shape}")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("a bounded mean needs values in [0, 1]")
    enough = -math.log1p(-confidence)
    bets = _bets(values, enough)
    lower, upper = np.zeros(len(values)), np.ones(len(values))
    for _ in range(BISECTIONS):
        middle = (lower + upper) / 2
        rejected = _largest_log_capital(values, bets, middle) >= enough
        upper = np.where(rejected, middle, upper)
        lower = np.where(rejected, lower, middle)
    bounds: Vector = np.maximum(upper, values.mean(axis=1))
    return bounds


def _bets(values: Matrix, enough: float) -> Matrix:
    """Return what to bet on each value, from those before it."""
    n = values.shape[1]
    counts = np.arange(2, n + 2)
    means = (0.5 + values.cumsum(axis=1)) / counts
    variances = (0.25 + np.square(values - means).cumsum(axis=1)) / counts
    before = np.hstack([np.full((len(values), 1), 0.25), variances[:, :-1]])
    bets: Matrix = np.sqrt(2 * enough / (n * before))
    return bets


def _largest_log_capital(values: Matrix, bets: Matrix, means: Vector) -> Vector:
    """Return the logarithm of the largest capital over time, for one mean in [0, 1) a row."""
    m = means[:, None]
    stakes = np.minimum(bets, STAKE / (1 - m))
    largest: Vector = np.log1p(stakes * (m - values)).cumsum(axis=1).max(axis=1)
    return largest
