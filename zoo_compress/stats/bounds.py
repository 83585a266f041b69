"""Exact one-sided confidence bounds that hold at every sample size."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


def clopper_pearson_upper(failures: int, n: int, confidence: float) -> float:
    """Bound the probability of a failure from above.

    The one-sided Clopper-Pearson bound: the largest p with P(Bin(n, p) <= failures) >= 1 -
    confidence, which is the `confidence` quantile of Beta(failures + 1, n - failures). Over the
    draw of n independent inputs it covers the true probability at least with `confidence`.

    Args:
        failures: How many of the inputs failed, 0 to n.
        n: Number of inputs, at least 1.
        confidence: In (0, 1).

    Raises:
        ValueError: If an argument is out of range.
    """
    from scipy.special import betaincinv

    require_share("confidence", confidence)
    if n < 1 or not 0 <= failures <= n:
        raise ValueError(f"{failures} failures of {n} inputs is not a count")
    if failures == n:
        return 1.0
    return float(betaincinv(failures + 1, n - failures, confidence))


def quantile_upper(distances: npt.ArrayLike, *, quantile: float, confidence: float) -> float:
    """Bound a quantile from above by an order statistic, whatever the distribution.

    With r the smallest rank for which P(Bin(n, quantile) <= r - 1) >= confidence, the r-th
    smallest distance is at least the true quantile with probability `confidence` or more, ties
    and discrete distributions included.

    Args:
        distances: One value per input, shape (n,). NaN counts as infinity.
        quantile: In (0, 1).
        confidence: In (0, 1).

    Returns:
        The bound; infinity if n < `required_inputs(quantile, confidence)`.

    Raises:
        ValueError: If quantile or confidence is out of range.
    """
    from scipy.special import bdtr

    require_share("quantile", quantile)
    require_share("confidence", confidence)
    values = np.sort(np.nan_to_num(np.asarray(distances, float), nan=np.inf, posinf=np.inf))
    below = bdtr(np.arange(values.size), values.size, quantile)
    ranks = np.flatnonzero(below >= confidence)
    return float(values[ranks[0]]) if ranks.size else math.inf


def required_inputs(quantile: float, confidence: float) -> int:
    """Return the smallest n for which `quantile_upper` is finite: 1 - quantile^n >= confidence.

    With quantile = 1 - limit that is also the fewest inputs, none of which fails, that bring
    `clopper_pearson_upper` down to `limit`.

    Raises:
        ValueError: If quantile or confidence is out of range.
    """
    require_share("quantile", quantile)
    require_share("confidence", confidence)
    return max(math.ceil(math.log1p(-confidence) / math.log(quantile)), 1)


def require_share(name: str, value: float) -> None:
    """Check that a confidence or a quantile lies strictly between 0 and 1.

    Raises:
        ValueError: If it does not; the message calls it `name`.
    """
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value}")
