"""Round to given levels, and fit scales, by what outputs feel instead of by the weights alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray
from zoo_compress.numerics.feedback import FeedbackFactor, round_with_feedback
from zoo_compress.numerics.scalar_quantizer import ScalarQuantizer
from zoo_compress.techniques.blocks import channel_blocks
from zoo_compress.techniques.calibration import Calibration

Array = npt.NDArray[np.float32]

# A fitted scale further away than this factor belongs to outputs that hardly vary.
LARGEST_RATIO = 2.0
# Of outputs with so many inputs, a few tell whether feedback makes the errors of all smaller: of
# those of EfficientNet-Lite0 it did not for 1 % at most, and with it these had 0.01 % more error.
MANY_INPUTS = 100
TRIED = 16
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
    original, scales = weight.astype(np.float32), np.asarray(scale, np.float32)
    if calibration is None or not calibration.feedback:
        return _nearest(original, scales, quantizer, mask)
    rows = _Rows(
        weights=calibration.rows(original),
        scales=_scale_rows(scales, original.shape, calibration),
        mask=None if mask is None else calibration.rows(mask),
        quantizer=quantizer,
        factor=calibration.factor,
    )
    return calibration.from_rows(rows.rounded())


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """Weights to round, an output to a row.

    Attributes:
        weights: Shape (G, O, K).
        scales: In that shape, or (G, O, 1).
        mask: In that shape, or None.
        quantizer: The levels for weights in units of their scale.
        factor: Of the inputs.
    """

    weights: Array
    scales: Array
    mask: npt.NDArray[np.bool_] | None
    quantizer: ScalarQuantizer
    factor: FeedbackFactor

    def rounded(self) -> Array:
        """Return the levels that feedback finds, in rows with more error then the nearest ones."""
        found = round_with_feedback(
            self.weights, self.factor, self.quantizer, scale=self.scales, mask=self.mask
        )
        _, outputs, inputs = self.weights.shape
        if inputs >= MANY_INPUTS:
            few = slice(None, None, -(-outputs // TRIED))
            tried = self._among(few)
            if (found.errors[:, few] <= tried.errors(tried.nearest())).all():
                return found.rounded
        nearest = self.nearest()
        return np.where((found.errors < self.errors(nearest))[..., None], found.rounded, nearest)

    def nearest(self) -> Array:
        """Return the nearest levels."""
        return _nearest(self.weights, self.scales, self.quantizer, self.mask)

    def errors(self, rounded: Array) -> npt.NDArray[np.float64]:
        """Return what `FeedbackFactor.errors` says of rounded weights."""
        return self.factor.errors(rounded - self.weights)

    def _among(self, outputs: slice) -> _Rows:
        mask = None if self.mask is None else self.mask[:, outputs]
        return replace(
            self, weights=self.weights[:, outputs], scales=self.scales[:, outputs], mask=mask
        )


def _scale_rows(scales: Array, shape: tuple[int, ...], calibration: Calibration) -> Array:
    """Return the scales of the weights of each row: one for all where they do not differ."""
    aligned = scales.reshape((1,) * (len(shape) - scales.ndim) + scales.shape)
    one_each = channel_blocks(calibration.site).scale_shape
    by_row = all(n <= most for n, most in zip(aligned.shape, one_each, strict=True))
    return calibration.rows(np.broadcast_to(aligned, one_each if by_row else shape))


def _nearest(
    weights: Array, scales: Array, quantizer: ScalarQuantizer, mask: npt.NDArray[np.bool_] | None
) -> Array:
    """Return the nearest level of each weight, times its scale; zeros where masked out."""
    zeros = np.zeros_like(weights)
    found = quantizer(np.divide(weights, scales, out=zeros, where=np.abs(scales) >= TINY)) * scales
    return found if mask is None else np.where(mask, found, np.float32(0))


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
