"""A quantile of an output distance, bounded or not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Certificate
from zoo_compress.errors import InputError
from zoo_compress.stats.bounds import quantile_upper, required_inputs
from zoo_compress.stats.certificates.wording import rounded_up

QUANTILES = (0.9, 0.8, 0.7, 0.5)
"""What a distance certificate speaks of: the largest of these that n inputs support."""


def certify_quantile(
    distances: npt.ArrayLike,
    *,
    confidence: float,
    scope: str,
    relative_to: float = 0.0,
    quantile: float = QUANTILES[0],
    noun: str = "squared output distance",
) -> Certificate:
    """Bound a quantile of the output distance by an order statistic.

    If the sample is too small for `quantile`, the largest of `QUANTILES` that it supports takes
    its place, and the statement says which.

    Args:
        distances: One distance per sample, shape (n,).
        confidence: In (0, 1).
        scope: What the statement speaks of.
        relative_to: Variance of the original's outputs, in the unit of the distances; 0 where
            the distances are not shares of one.
        quantile: In (0, 1).
        noun: What the statement calls the distance.

    Raises:
        InputError: If there are too few samples for the smallest of `QUANTILES`.
    """
    values = np.asarray(distances, dtype=np.float64)
    supported = _supported_quantile(quantile, values.size, confidence)
    bound = quantile_upper(values, quantile=supported, confidence=confidence)
    share = f" ({rounded_up(bound / relative_to)} of the output variance)" if relative_to else ""
    return Certificate(
        kind="distance-quantile",
        bound=bound,
        confidence=confidence,
        n=values.size,
        observed=float(np.quantile(values, supported, method="inverted_cdf")),
        scope=scope,
        statement=(
            f"With {100 * confidence:.4g} % confidence the {noun} to the "
            f"original is at most {rounded_up(bound)}{share} for {100 * supported:.4g} % of "
            f"inputs ({values.size} measured)."
        ),
    )


def _supported_quantile(wanted: float, n: int, confidence: float) -> float:
    candidates = [wanted, *(q for q in QUANTILES if q < wanted)]
    for quantile in candidates:
        if n >= required_inputs(quantile, confidence):
            return quantile
    smallest = candidates[-1]
    raise InputError(
        f"{n} inputs are too few for a certificate at confidence {confidence:g}: even the "
        f"{smallest:g} quantile needs {required_inputs(smallest, confidence)}"
    )
