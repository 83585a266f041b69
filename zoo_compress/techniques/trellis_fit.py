"""The steps with which the codes of a trellis-coded weight take the bits that there are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.feedback import FeedbackFactor
from zoo_compress.numerics.pair_shape import PairShape
from zoo_compress.numerics.rice_codes import (
    CODES,
    LARGEST,
    best_codes,
    bits_taken,
    expected_codes,
    number_bits,
    symbols,
)
from zoo_compress.numerics.row_steps import Bytes, RowSteps, row_steps
from zoo_compress.numerics.trellis import Trellis, TrellisTables
from zoo_compress.numerics.trellis_paths import Grid, code_on_trellis
from zoo_compress.numerics.uniform import SMALLEST_STEP
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.trellis_layout import TrellisLayout

Floats = npt.NDArray[np.float32]

# What a bit less is worth in squared error, as a share of the squared distance of levels. With
# 0.07 the outputs of single layers change less, but those of EfficientNet-Lite0 by 3 % more: what
# makes codes shorter makes weights smaller, all alike.
PRICE = 0.05
# Power of the root mean square of a row that its step goes with, see `TrellisFit._shares`. With
# 0.5 the outputs of EfficientNet-Lite0 change by 2 % more, with 1 as much.
ROW_POWER = 0.8
# Weights that tell about how coarse the levels have to be, and how often they are coded for that.
SAMPLED_ROWS, SAMPLED_COLUMNS = 64, 128
SAMPLED_ATTEMPTS = 5
# Bits of a number that the errors which are fed back take: they make it larger.
FEEDBACK_BITS = 0.022
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
        symbols: Of their pairs, by column that has a code, see `PairShape.merged_rows`.
        choice: The codes of these columns.
        steps: Of the rows, shape (G, O).
        bits: What the codes take; more than there are where quotients have too little room.
    """

    numbers: npt.NDArray[np.int8]
    symbols: npt.NDArray[np.int64]
    choice: Bytes
    steps: RowSteps
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
        coarseness, attempt, room = self._guess(), 0, 8 * self.layout.room
        found: Coded | None = None
        while True:
            attempt += 1
            tried = self._coded(coarseness)
            spare = room - tried.bits
            if spare >= 0 and (found is None or tried.bits > found.bits):
                found = tried
            full = 0 <= spare <= (1 - ENOUGH) * room
            if found is not None and (full or attempt >= ATTEMPTS):
                return found
            # Half the step takes a little less than a bit more for each number.
            coarseness *= math.pow(2, MARGIN * attempt - 1.1 * spare / self._rows.size)

    @cached_property
    def _rows(self) -> Floats:
        found: Floats = self.layout.rows(self.weight)
        return found

    @property
    def _factor(self) -> FeedbackFactor | None:
        known = self.calibration
        return known.factor_in_place if known is not None and known.feedback else None

    @cached_property
    def _shares(self) -> Floats:
        """Steps of the rows, up to a common factor: powers of the root mean squares.

        One step for all would leave the least error if the rows had codes of their own, steps
        like the root mean squares themselves if all errors had to be alike.
        """
        rms = np.sqrt(np.mean(np.square(self._rows), axis=2, dtype=np.float64))
        largest = float(rms.max(initial=0)) or 1.0
        shares = np.where(rms > SMALLEST_STEP, rms / largest, 0) ** ROW_POWER
        return (shares * largest).astype(np.float32)

    @cached_property
    def _least(self) -> Floats:
        """Steps with which the largest weight of a row still has a level."""
        largest = np.abs(self._rows).max(axis=2, initial=0)
        return np.where(self._shares > 0, largest / np.float32(LARGEST), 0)

    def _grid(self, coarseness: float) -> tuple[RowSteps, Grid]:
        steps = row_steps(np.maximum(self._shares * np.float32(coarseness), self._least))
        rows = steps.decoded
        inverse = np.divide(1, rows, out=np.zeros_like(rows), where=rows != 0)
        units = self._rows * inverse[:, :, None]
        deviation = np.sqrt(np.square(units).sum(axis=(0, 1)) / max(np.count_nonzero(rows), 1))
        choice = expected_codes(deviation, np.abs(units).max(axis=(0, 1), initial=0))
        return steps, Grid(rows=rows, tables=_tables(), choice=choice)

    def _guess(self) -> float:
        """Return about how coarse the steps have to be, from some weights without feedback."""
        groups, rows, length = self._rows.shape
        chosen = slice(None, None, max(groups * rows // SAMPLED_ROWS, 1))
        columns = slice(None, None, max(length // SAMPLED_COLUMNS, 1))
        sample = self._rows.reshape(1, groups * rows, length)[:, chosen, columns]
        wanted = self.layout.bits - (0 if self._factor is None else FEEDBACK_BITS)
        coarseness = 4 * math.pow(2, -wanted)
        for _ in range(SAMPLED_ATTEMPTS):
            _, grid = self._grid(coarseness)
            part = Grid(
                rows=grid.rows.reshape(1, groups * rows)[:, chosen],
                tables=grid.tables,
                choice=grid.choice[columns],
            )
            numbers = code_on_trellis(sample, part, None)
            _, sampled, columns_sampled = numbers.shape
            shape = PairShape(rows=sampled, columns=columns_sampled, rows_first=True)
            taken = bits_taken(_symbols(numbers, shape)).min(axis=0).sum()
            excess = taken / max(numbers.size, 1) - wanted
            coarseness *= math.pow(2, excess)
        return coarseness

    def _coded(self, coarseness: float) -> Coded:
        steps, grid = self._grid(coarseness)
        numbers = code_on_trellis(self._rows, grid, self._factor)
        found = _symbols(numbers, self.layout.pair_shape)
        taken = bits_taken(found)
        choice = best_codes(taken)
        remainders = len(found) * int(choice.sum(dtype=np.int64))
        quotients = int(taken[choice, np.arange(len(choice))].sum()) - remainders
        bits = remainders + quotients
        beyond = quotients - 8 * self.layout.quotient_room
        if beyond > 0:
            bits = max(bits, 8 * self.layout.room) + beyond
        return Coded(
            numbers=numbers,
            symbols=found,
            choice=choice,
            steps=steps,
            bits=bits,
        )


def _symbols(numbers: npt.NDArray[np.int8], shape: PairShape) -> npt.NDArray[np.int64]:
    return shape.merged_rows(symbols(shape.paired(numbers.reshape(-1, numbers.shape[2]))))


@lru_cache(maxsize=1)
def _tables() -> TrellisTables:
    """Return the tables of the trellis of each code; to make them takes 0.2 s."""
    return TrellisTables([Trellis(bits=number_bits(c), price=PRICE) for c in range(CODES)])
