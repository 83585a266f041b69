"""Round to given levels, and fit scales, by what outputs feel instead of by the weights alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray
from zoo_compress.numerics.feedback import round_with_feedback
from zoo_compress.numerics.scalar_quantizer import ScalarQuantizer
from zoo_compress.techniques.calibration import Calibration

Array = npt.NDArray[np.float32]

# A fitted scale further away than this factor belongs to outputs that hardly vary.
LARGEST_RATIO = 2.0
# Dividing by a smaller scale overflows.
TINY = float(np.finfo(np.float32).tiny)


def rounded(
    weight: AnyArray,
    calibration: Calibration | None,
    *,
    scale: npt.NDArray[np.floating[Any]],
    quantizer: ScalarQuantizer,
    mask: npt.NDArray[np.bool_] | None = None,
) -> Array:
    """Return levels times scale that stand for a weight, in its shape.

    Each weight has the level of its own; with error feedback, if the recipe allows it, the levels
    that it finds in all output channels whose error that makes smaller.

    Args:
        weight: The original.
        calibration: What is known of its inputs.
        scale: Broadcastable to the weight; where it is 0, so is the result.
        quantizer: The levels for weights in units of their scale.
        mask: Weights that are not 0, in the shape of the weight; all of them by default.
    """
    original = weight.astype(np.float32)
    scales = np.broadcast_to(np.float32(scale), original.shape)
    units = np.divide(original, scales, out=np.zeros_like(original), where=np.abs(scales) >= TINY)
    plain = quantizer(units) * scales
    if mask is not None:
        plain = np.where(mask, plain, np.float32(0))
    if calibration is None or not calibration.feedback:
        return plain
    rows = calibration.rows(original)
    other = round_with_feedback(
        rows,
        calibration.factor,
        quantizer,
        scale=calibration.rows(scales),
        mask=None if mask is None else calibration.rows(mask),
    )
    nearer = other.errors < calibration.factor.errors(calibration.rows(plain) - rows)
    return np.where(
        calibration.from_rows(np.broadcast_to(nearer[..., None], rows.shape)),
        calibration.from_rows(other.rounded),
        plain,
    )


def better(weight: AnyArray, one: Array, other: Array, calibration: Calibration) -> Array:
    """Return which of two encodings changes the outputs less."""
    errors = [calibration.output_error(weight, dense) for dense in (one, other)]
    return other if errors[1] < errors[0] else one


def fitted_ratios(weight: AnyArray, dense: Array, calibration: Calibration) -> Array:
    """Return what to multiply each output's weights with for the least error of the outputs.

    The least-squares solution (w M q) / (q M q) for each row w of the weight and q of the
    encoding, kept within a factor of two; 1 for a row of zeros.

    Returns:
        Shape (channels,), as the weight's channel axis.
    """
    original, encoded = calibration.rows(weight.astype(np.float32)), calibration.rows(dense)
    with np.errstate(over="ignore", invalid="ignore"):
        weighted = encoded @ calibration.weighting
        power = np.sum(weighted * encoded, axis=2, dtype=np.float64)
        match = np.sum(weighted * original, axis=2, dtype=np.float64)
    usable = (power > 0) & np.isfinite(power) & np.isfinite(match)
    ratio = np.divide(match, power, out=np.ones_like(power), where=usable)
    return ratio.clip(1 / LARGEST_RATIO, LARGEST_RATIO).astype(np.float32).reshape(-1)
