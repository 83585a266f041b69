"""Step sizes in a byte: powers of the 16th root of 2, next to the largest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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
    """Return the codes of the next larger steps, and what they are shares of.

    Steps below 2^-15 of the largest become that, those of 0 stay.
    """
    largest = steps.max(initial=0)
    factor = np.float32(largest if largest > 0 else 1)
    shares = np.asarray(steps, np.float64) / factor
    with np.errstate(divide="ignore"):
        places = np.floor(-np.log2(shares) * EACH_OCTAVE + 1e-6).clip(0, ZERO - 1)
    return np.where(shares > 0, places, ZERO).astype(np.uint8), factor


def decoded_steps(codes: Bytes) -> Floats:
    """Return the steps of codes as shares of the largest."""
    found: Floats = step_table()[codes].astype(np.float32)
    return found
