"""Statements about the compressed model that hold with stated confidence.

They speak of inputs drawn independently from the same source as the ones given, none of which
calibration or search may have seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray, Certificate
from zoo_compress.errors import InputError
from zoo_compress.stats.bounds import clopper_pearson_upper, quantile_upper, required_inputs

QUANTILES = (0.9, 0.8, 0.7, 0.5)
"""What a distance certificate speaks of: the largest of these that n inputs support."""


def certify_top1(
    reference: Sequence[Sequence[AnyArray]],
    outputs: Sequence[Sequence[AnyArray]],
    *,
    confidence: float,
    scope: str,
) -> Certificate:
    """Bound how often the compressed model's top answer differs from the original's.

    The answer is the argmax over the last axis of the first floating-point output; with several
    positions, a sample differs if any position does. A sample with NaN differs.

    Args:
        reference: The original's outputs, one sequence of arrays per sample.
        outputs: The compressed model's, in the same order.
        confidence: In (0, 1).
        scope: What the statement speaks of.

    Raises:
        ValueError: If there is no sample, or no float output with two or more classes.
    """
    pairs = list(zip(reference, outputs, strict=True))
    if not pairs:
        raise ValueError("a certificate needs at least one sample")
    first = _first_class_output(reference[0])
    differing = sum(_differs(original[first], other[first]) for original, other in pairs)
    bound = clopper_pearson_upper(differing, len(pairs), confidence)
    share = _rounded_up(100 * bound)
    return Certificate(
        kind="top1-disagreement",
        bound=bound,
        confidence=confidence,
        n=len(pairs),
        observed=differing / len(pairs),
        scope=scope,
        statement=(
            f"With {100 * confidence:.4g} % confidence the compressed model's top answer differs "
            f"from the original's on at most {share} % of inputs ({differing} of {len(pairs)} "
            f"did), so that their accuracies differ by at most {share} percentage points "
            "whatever the labels are."
        ),
    )


def certify_quantile(
    distances: npt.ArrayLike,
    *,
    confidence: float,
    scope: str,
    relative_to: float,
    quantile: float = QUANTILES[0],
) -> Certificate:
    """Bound a quantile of the output distance by an order statistic.

    If the sample is too small for `quantile`, the largest of `QUANTILES` that it supports takes
    its place, and the statement says which.

    Args:
        distances: One distance per sample, shape (n,).
        confidence: In (0, 1).
        scope: What the statement speaks of.
        relative_to: Variance of the original's outputs, in the unit of the distances.
        quantile: In (0, 1).

    Raises:
        InputError: If there are too few samples for the smallest of `QUANTILES`.
    """
    values = np.asarray(distances, dtype=np.float64)
    supported = _supported_quantile(quantile, values.size, confidence)
    bound = quantile_upper(values, quantile=supported, confidence=confidence)
    share = f" ({_rounded_up(bound / relative_to)} of the output variance)" if relative_to else ""
    return Certificate(
        kind="distance-quantile",
        bound=bound,
        confidence=confidence,
        n=values.size,
        observed=float(np.quantile(values, supported, method="inverted_cdf")),
        scope=scope,
        statement=(
            f"With {100 * confidence:.4g} % confidence the squared output distance to the "
            f"original is at most {_rounded_up(bound)}{share} for {100 * supported:.4g} % of "
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


def _first_class_output(sample: Sequence[AnyArray]) -> int:
    for index, output in enumerate(sample):
        if output.dtype.kind == "f":
            if output.ndim and output.shape[-1] > 1:
                return index
            raise ValueError(f"output {index} has shape {output.shape}, not two or more classes")
    raise ValueError("none of the model's outputs is of a floating-point type")


def _differs(original: AnyArray, other: AnyArray) -> bool:
    if original.shape != other.shape or np.isnan(other).any():
        return True
    return bool((original.argmax(axis=-1) != other.argmax(axis=-1)).any())


def _rounded_up(value: float) -> str:
    """Return three significant digits that are at least `value`, so that they still bound."""
    if value == 0 or math.isinf(value):
        return f"{value:g}"
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return f"{math.ceil(round(value / unit, 6)) * unit:.3g}"
