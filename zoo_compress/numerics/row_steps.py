"""Step sizes of rows in 4 bits: 15 powers, next to the largest, of a root of 2 that suits them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]

BITS = 4
ZERO = (1 << BITS) - 1
"""The code of step 0."""

EACH_OCTAVE = (8, 4, 2, 1)
"""Steps to a factor of 2."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RowSteps:
    """Step sizes as a file holds them.

    Attributes:
        spacing: Which of `EACH_OCTAVE` they have.
        codes: Any shape.
        factor: The largest step.
    """

    spacing: int
    codes: Bytes
    factor: np.float32

    @property
    def decoded(self) -> Floats:
        """The steps, with the float32 operations that the ONNX subgraph performs."""
        found: Floats = step_table()[self.spacing][self.codes].astype(np.float32) * self.factor
        return found

    def times_power_of_two(self, exponent: int) -> RowSteps:
        """Return the steps times 2^exponent."""
        return replace(self, factor=np.ldexp(self.factor, exponent))


def step_table() -> npt.NDArray[np.float16]:
    """Return the step of each code as a share of the largest, for each spacing, shape (4, 16)."""
    places = np.arange(ZERO + 1)
    shares = np.exp2(-places / np.array(EACH_OCTAVE)[:, None])
    steps: npt.NDArray[np.float16] = shares.astype(np.float16)
    steps[:, ZERO] = 0
    return steps


def row_steps(steps: npt.NDArray[np.floating]) -> RowSteps:
    """Return the next larger steps, in the spacing in which the large ones change least.

    Steps below the smallest of that become it, those of 0 stay. A step that is too large leaves
    an error like that of other rows, so that small ones need not be near.

    Args:
        steps: Not negative, any shape.
    """
    largest = steps.max(initial=0)
    factor = np.float32(largest if largest > 0 else 1)
    shares = np.asarray(steps, np.float64) / factor
    octaves = -np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    places = [np.floor(octaves * each + 1e-6).clip(0, ZERO - 1) for each in EACH_OCTAVE]
    changes = [
        _spread(octaves - place / each, shares)
        for place, each in zip(places, EACH_OCTAVE, strict=True)
    ]
    spacing = int(np.argmin(changes))
    codes = np.where(shares > 0, places[spacing], ZERO).astype(np.uint8)
    return RowSteps(spacing=spacing, codes=codes, factor=factor)


def _spread(values: Doubles, weights: Doubles) -> float:
    """Return the variance of values that count as much as their weights."""
    total = weights.sum() or 1.0
    mean = (values * weights).sum() / total
    return float((np.square(values - mean) * weights).sum() / total)
