"""Step sizes in a byte: powers of the 16th root of 2, next to the largest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.uniform import stored_scale

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

EACH_OCTAVE = 16
ZERO = 255
"""The code of step 0."""


def step_table() -> npt.NDArray[np.float16]:
    """Return the step that each code stands for, as a share of the largest, shape (256,)."""
    steps = np.exp2(-np.arange(ZERO + 1) / EACH_OCTAVE).astype(np.float16)
    steps[ZERO] = 0
    return steps


def step_codes(steps: npt.NDArray[np.floating]) -> tuple[Bytes, np.float32]:
    """Return the codes of the nearest steps, and what they are shares of.

    Steps below 2^-15 of the largest become that, those of 0 stay.

    Args:
        steps: Not negative, any shape.
    """
    largest = steps.max(initial=0)
    factor = np.float32(largest if largest > 0 else 1)
    shares = np.asarray(steps, np.float64) / factor
    with np.errstate(divide="ignore"):
        places = -np.log2(shares) * EACH_OCTAVE
        places = np.floor(places + 0.5).clip(0, ZERO - 1)
    return np.where(shares > 0, places, ZERO).astype(np.uint8), factor


def decoded_steps(codes: Bytes) -> Floats:
    """Return the steps of codes as shares of the largest."""
    found: Floats = step_table()[codes].astype(np.float32)
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredSteps:
    """Step sizes as a file holds them.

    Attributes:
        stored: Shares of the largest step, as codes or as float16 numbers.
        factor: The largest step.
    """

    stored: Bytes | npt.NDArray[np.float16]
    factor: np.float32

    @property
    def shares(self) -> Floats:
        """The steps as shares of the largest, as they are decoded."""
        if self.stored.dtype == np.uint8:
            return decoded_steps(self.stored.view(np.uint8))
        return self.stored.astype(np.float32)

    @property
    def decoded(self) -> Floats:
        """The steps, with the float32 operations that the ONNX subgraph performs."""
        return self.shares * self.factor

    def times_power_of_two(self, exponent: int) -> StoredSteps:
        """Return the steps times 2^exponent."""
        return replace(self, factor=np.ldexp(self.factor, exponent))


def stored_steps(step: npt.NDArray[np.floating], *, in_bytes: bool) -> StoredSteps:
    """Return steps as codes of the nearest ones, or as float16 numbers, which may be negative."""
    stored, factor = step_codes(step) if in_bytes else stored_scale(step)
    return StoredSteps(stored=stored, factor=factor)
