"""The steps with which the codes of a trellis-coded weight take the bits that there are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.trellis import Trellis
from zoo_compress.numerics.trellis_paths import code_on_trellis
from zoo_compress.numerics.uniform import SMALLEST_STEP, stored_scale
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.trellis_layout import TrellisLayout

Floats = npt.NDArray[np.float32]

# What a bit less is worth in squared error, as a share of the squared distance of levels: at this
# price the error falls as fast with bits as that of a trellis does where there are many of them.
# With 0.07 or 0.12, the outputs of layers of EfficientNet-Lite0 changed by up to 1 % more.
PRICE = 0.09
# Weights that tell about how coarse the levels have to be, and how often they are coded for that.
SAMPLED_ROWS, SAMPLED_COLUMNS = 64, 128
SAMPLED_ATTEMPTS = 5
# How often all rows are coded: a finer step of 1 % has 2 % less error.
ATTEMPTS = 4
# Of the bits that there are, so many are enough to use.
ENOUGH = 0.997
# Bits of a number that are left free, more in each attempt, not to exceed them by chance again.
MARGIN = 0.002


@dataclass(frozen=True, kw_only=True, eq=False)
class Coded:
    """Whole numbers for a weight.

    Attributes:
        numbers: Shape (G, O, K).
        scale: Steps of the rows relative to the largest, shape (G, O).
        factor: The largest step.
        bits: What their codes take.
    """

    numbers: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float16]
    factor: np.float32
    bits: int


@dataclass(frozen=True, eq=False)
class TrellisFit:
    """Finds numbers for a weight.

    Attributes:
        weight: Magnitudes at most 1.
        layout: How many bits they may take.
        calibration: What is known of its inputs.
    """

    weight: Floats
    layout: TrellisLayout
    calibration: Calibration | None

    def best(self) -> Coded:
        """Return the finest of a few attempts that fit.

        There always is one: steps grow until all numbers are 0.
        """
        coarseness, attempt = self._guess(), 0
        found: Coded | None = None
        while True:
            attempt += 1
            tried = self._coded(coarseness)
            spare = self.layout.room - tried.bits
            if spare >= 0 and (found is None or tried.bits > found.bits):
                found = tried
            full = 0 <= spare <= (1 - ENOUGH) * self.layout.room
            if found is not None and (full or attempt >= ATTEMPTS):
                return found
            # Half the step takes a little less than a bit more for each number.
            coarseness *= math.pow(2, MARGIN * attempt - 1.1 * spare / self._rows.size)

    @cached_property
    def _rows(self) -> Floats:
        found: Floats = self.layout.rows(self.weight)
        return found

    @cached_property
    def _trellis(self) -> Trellis:
        return Trellis(bits=self.layout.code.bits, price=PRICE)

    @cached_property
    def _shares(self) -> Floats:
        """Steps of the rows, up to a common factor: roots of the root mean squares.

        One step for all would leave the least error if the rows had codes of their own, steps
        like the root mean squares themselves if all errors had to be alike.
        """
        rms = np.sqrt(np.mean(np.square(self._rows), axis=2, dtype=np.float64))
        roots = np.sqrt(np.where(rms > SMALLEST_STEP, rms, 0))
        found: Floats = (roots * np.sqrt(np.mean(np.square(roots)))).astype(np.float32)
        return found

    @cached_property
    def _least(self) -> Floats:
        """Steps with which the largest weight of a row still has a level."""
        largest = np.abs(self._rows).max(axis=2, initial=0)
        return np.where(self._shares > 0, largest / np.float32(self._trellis.largest), 0)

    def _steps(self, coarseness: float) -> Floats:
        steps: Floats = np.maximum(self._shares * np.float32(coarseness), self._least)
        return steps

    def _guess(self) -> float:
        """Return about how coarse the steps have to be, from some weights without feedback."""
        groups, rows, length = self._rows.shape
        chosen = slice(None, None, max(groups * rows // SAMPLED_ROWS, 1))
        columns = slice(None, None, max(length // SAMPLED_COLUMNS, 1))
        sample = self._rows.reshape(1, groups * rows, length)[:, chosen, columns]
        coarseness = 4 * math.pow(2, -self.layout.bits)
        for _ in range(SAMPLED_ATTEMPTS):
            steps = self._steps(coarseness).reshape(1, groups * rows)[:, chosen]
            numbers = code_on_trellis(sample, steps, self._trellis, None)
            symbols = self.layout.code.symbols(numbers.reshape(-1))
            taken = int(self.layout.code.code.lengths[symbols].sum())
            excess = taken / max(numbers.size, 1) - self.layout.bits
            coarseness *= math.pow(2, excess)
        return coarseness

    def _coded(self, coarseness: float) -> Coded:
        scale, factor = stored_scale(self._steps(coarseness))
        step, known = scale.astype(np.float32) * factor, self.calibration
        feedback = known.factor_in_place if known is not None and known.feedback else None
        numbers = code_on_trellis(self._rows, step, self._trellis, feedback)
        return Coded(numbers=numbers, scale=scale, factor=factor, bits=self.layout.taken(numbers))
