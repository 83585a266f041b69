"""Statements about a mean that hold only for large samples.

At 50 inputs of a skewed distance they cover far less than their nominal confidence. Nothing here
may be shown to anyone without the word "asymptotic".
"""

from __future__ import annotations

import math
from statistics import NormalDist

from zoo_compress.stats.bounds import require_share

CROSS_ENTROPY = math.sqrt(2)
"""Lipschitz constant of cross-entropy in the logits: its gradient, softmax(z) - e_y, has an L2
norm below sqrt(2)."""


def asymptotic_interval(
    estimate: float, variance: float, *, confidence: float
) -> tuple[float, float]:
    """Return the two-sided normal interval around a U-statistic.

    estimate -+ z sqrt(variance), z the (1 + confidence) / 2 quantile of the standard normal
    distribution. Its coverage tends to `confidence` as the sample grows, where the kernel's
    variance is finite; at any one sample size it may be much lower.

    Args:
        estimate: The U-statistic.
        variance: Its estimated variance, at least 0.
        confidence: In (0, 1).

    Returns:
        (lower, upper); (-infinity, infinity) if estimate or variance is not finite.

    Raises:
        ValueError: If confidence is out of range or the variance negative.
    """
    require_share("confidence", confidence)
    return -_upper(-estimate, variance, (1 + confidence) / 2), _upper(
        estimate, variance, (1 + confidence) / 2
    )


def asymptotic_upper(estimate: float, variance: float, *, confidence: float) -> float:
    """Return the one-sided normal upper bound of a U-statistic's mean.

    Args:
        estimate: The U-statistic.
        variance: Its estimated variance, at least 0.
        confidence: In (0, 1); reached only as the sample grows, see `asymptotic_interval`.

    Returns:
        The bound; infinity if estimate or variance is not finite.

    Raises:
        ValueError: If confidence is out of range or the variance negative.
    """
    require_share("confidence", confidence)
    return _upper(estimate, variance, confidence)


def lipschitz_risk_bound(mean_squared: float, *, constant: float) -> float:
    """Bound how much the risk changes, from the mean squared distance between outputs.

    For a loss that is K-Lipschitz in the outputs, |R(f*) - R(f)| <= K E||f - f*|| <=
    K sqrt(E||f - f*||^2) (Ma et al., ICCV 2019, supplement, equations 7 to 9). It holds for the
    true mean; in place of that, an upper bound of it keeps its confidence, and an estimate has
    none. The 0/1 loss is not Lipschitz: no accuracy follows.

    Args:
        mean_squared: E||f - f*||^2, at least 0, of outputs not divided by anything; for a loss
            averaged over positions, the mean over positions.
        constant: K, above 0; `CROSS_ENTROPY` for cross-entropy in the logits.

    Raises:
        ValueError: If an argument is out of range.
    """
    if not constant > 0 or not mean_squared >= 0:
        raise ValueError(
            f"a Lipschitz bound needs a constant above 0 and a distance from 0 on, "
            f"not {constant} and {mean_squared}"
        )
    return constant * math.sqrt(mean_squared)


def _upper(estimate: float, variance: float, confidence: float) -> float:
    if variance < 0:
        raise ValueError(f"a variance cannot be negative: {variance}")
    if not (math.isfinite(estimate) and math.isfinite(variance)):
        return math.inf
    return estimate + NormalDist().inv_cdf(confidence) * math.sqrt(variance)
