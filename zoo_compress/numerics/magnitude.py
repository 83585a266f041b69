"""Weights without their order of magnitude, so that no square of one overflows or vanishes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray

# A fit may put the outermost level beyond the largest weight, by less than a factor of two.
LARGEST_WEIGHT = float(np.finfo(np.float32).max) / 2
# Up to this one, powers of two and their inverses are normal float32 numbers.
LARGEST_EXPONENT = 126


def unit_weights(W: AnyArray) -> tuple[npt.NDArray[np.float32], int]:
    """Return weights of magnitude below 1 and the exponent of the power of two taken out.

    Args:
        W: Weights, any shape, finite, magnitudes at most half of the largest float32.

    Returns:
        (U, e) with W = U * 2^e in float32.

    Raises:
        ValueError: If a weight is out of range.
    """
    with np.errstate(over="ignore"):
        weights = np.asarray(W, np.float32, order="C")
    # NaN is the least and the largest of what it is among.
    largest = max(-weights.min(initial=0), weights.max(initial=0))
    if not np.isfinite(largest):
        raise ValueError("weights must be finite float32 numbers")
    if largest > LARGEST_WEIGHT:
        raise ValueError(f"weights must be at most {LARGEST_WEIGHT:.3g}, not {largest:.3g}")
    exponent = int(np.frexp(largest)[1])
    if abs(exponent) <= LARGEST_EXPONENT:
        # As exact, and in a quarter of the time.
        return weights * np.float32(2.0**-exponent), exponent
    return np.ldexp(weights, -exponent), exponent
