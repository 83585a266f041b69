"""Weights as levels times a step for each output channel, rounded by what is known of inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Site
from zoo_compress.numerics.scalar_quantizer import ScalarQuantizer, nearest_level
from zoo_compress.numerics.step_codes import StoredSteps, stored_steps
from zoo_compress.techniques.blocks import channel_blocks
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.repair import better, fitted_ratios, rounded

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Leveled:
    """A weight, the levels of its codes times the steps of its output channels.

    Attributes:
        levels: Ascending, shape (k,).
        codes: In the shape of the weight.
        steps: Broadcastable to the weight.
        mask: Weights that are not 0, in the shape of the weight; all of them if None.
    """

    levels: Floats
    codes: npt.NDArray[np.uint8]
    steps: StoredSteps
    mask: Mask | None = None

    @property
    def units(self) -> Floats:
        """The weight divided by its steps."""
        levels = self.levels[self.codes]
        return levels if self.mask is None else np.where(self.mask, levels, np.float32(0))

    @property
    def dense(self) -> Floats:
        """The weight, with the float32 operations that the ONNX subgraph performs."""
        return self.units * self.steps.decoded

    def times_power_of_two(self, exponent: int) -> Leveled:
        """Return the weight times 2^exponent."""
        return replace(self, steps=self.steps.times_power_of_two(exponent))


def leveled(
    weight: Floats,
    site: Site,
    *,
    quantizer: ScalarQuantizer,
    step: Floats,
    calibration: Calibration | None,
    mask: Mask | None = None,
    steps_in_bytes: bool = False,
) -> Leveled:
    """Round a weight to levels, and once more with steps fitted to the outputs if that is allowed.

    Args:
        weight: Magnitudes at most 1.
        site: Where it is.
        quantizer: At most 256 levels, for weights in units of their steps.
        step: What a level of 1 stands for in each output channel, shape (channels,).
        calibration: What is known of the inputs of the weight.
        mask: Weights that are not 0, in the shape of the weight; all of them by default.
        steps_in_bytes: Whether steps are stored as codes; none may be negative then.
    """
    shape = channel_blocks(site).scale_shape
    first = stored_steps(step.reshape(shape), in_bytes=steps_in_bytes)
    found = _rounded(weight, quantizer, first, calibration, mask)
    if calibration is None or not calibration.refit:
        return found
    ratios = fitted_ratios(weight, found.dense, calibration).reshape(shape)
    second = stored_steps(first.decoded * ratios, in_bytes=steps_in_bytes)
    other = _rounded(weight, quantizer, second, calibration, mask)
    one, another = found.dense, other.dense
    return other if better(weight, one, another, calibration) is another else found


def _rounded(
    weight: Floats,
    quantizer: ScalarQuantizer,
    steps: StoredSteps,
    calibration: Calibration | None,
    mask: Mask | None,
) -> Leveled:
    """Round to levels times the steps as they will be stored, with feedback if allowed."""
    step = steps.decoded
    dense = rounded(weight, calibration, scale=step, quantizer=quantizer, mask=mask)
    units = np.divide(dense, step, out=np.zeros_like(dense), where=step != 0)
    codes = nearest_level(quantizer.levels).codes(units).astype(np.uint8)
    return Leveled(levels=quantizer.levels, codes=codes, steps=steps, mask=mask)
