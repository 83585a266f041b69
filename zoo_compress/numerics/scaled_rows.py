"""Rows of weights in units of a step each: what levels and steps are fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.kmeans import BINS, Histogram
from zoo_compress.numerics.scalar_quantizer import ScalarQuantizer

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# A fitted step further away than this factor belongs to a row that hardly uses its levels.
LARGEST_RATIO = 2.0


@dataclass(frozen=True, eq=False)
class ScaledRows:
    """Weights, one channel to a row, and what an error of each counts.

    Attributes:
        W: Shape (rows, K), one row after the other in memory.
        importance: Of the squared errors, shape (rows, K), not negative; 1 if None.
    """

    W: Floats
    importance: Floats | None = None

    @cached_property
    def ends(self) -> tuple[Floats, Floats]:
        """The least and the largest weight that counts of each row, or 0 if that is beyond it."""
        if self.importance is None:
            return self.W.min(axis=1, initial=0), self.W.max(axis=1, initial=0)
        counted = np.where(self.importance > 0, self.W, np.float32(0))
        return counted.min(axis=1, initial=0), counted.max(axis=1, initial=0)

    def range(self, step: Floats) -> tuple[float, float]:
        """Return bounds of the weights in units of their steps; 0 is between them."""
        units = [end * _inverse(step) for end in self.ends]
        return float(np.min(units, initial=0)), float(np.max(units, initial=0))

    def histogram(self, step: Floats, low: float, high: float) -> tuple[Histogram, int]:
        """Return the weights between two bounds, in units of their steps, and how many they are.

        Errors count as they do in the weights themselves.
        """
        # Imported late: it takes long.
        from zoo_compress.numerics.compiled.fits import add_to_bins

        shares = np.square(step / (np.abs(step).max(initial=0) or np.float32(1)))
        ends = np.array([low, high], np.float32)
        weight, moment = np.zeros(BINS), np.zeros(BINS)
        count = add_to_bins(self.W, _inverse(step), shares, self._counts, ends, weight, moment)
        width = (float(ends[1]) - float(ends[0])) / BINS or 1.0
        found = Histogram(low=float(ends[0]), width=width, weight=weight, moment=moment)
        return found, int(count)

    def quantile(self, step: Floats, share: float) -> float:
        """Return below which magnitude a share of the weights in units of their steps lies.

        Up to the width of a bin more than that, so that weights of one magnitude stay together.
        """
        from zoo_compress.numerics.compiled.fits import count_magnitudes

        largest = np.float32(max(map(abs, self.range(step))))
        counts = np.zeros(BINS, np.int64)
        count_magnitudes(self.W, _inverse(step), largest, counts)
        place = int(np.searchsorted(np.cumsum(counts), share * self.W.size))
        return float(largest) * min(place + 1, BINS) / BINS

    def errors(self, step: Floats, quantizer: ScalarQuantizer) -> Doubles:
        """Return the squared error of each row, shape (rows,)."""
        found: Doubles = np.square(step.astype(np.float64)) * self._sums(step, quantizer)[2]
        return found

    def refitted(self, step: Floats, quantizer: ScalarQuantizer) -> Floats:
        """Return the least-squares steps for the levels that the weights have."""
        power, match, _ = self._sums(step, quantizer)
        ratio = np.divide(match, power, out=np.ones_like(power), where=power > 0)
        found: Floats = step * ratio.clip(1 / LARGEST_RATIO, LARGEST_RATIO).astype(np.float32)
        return found

    @property
    def _counts(self) -> Floats:
        if self.importance is None:
            return np.ones((1, self.W.shape[1]), np.float32)
        return np.ascontiguousarray(self.importance, np.float32)

    def _sums(self, step: Floats, quantizer: ScalarQuantizer) -> Doubles:
        from zoo_compress.numerics.compiled.fits import sum_by_row

        sums = np.empty((3, len(self.W)), np.float32)
        sum_by_row(self.W, _inverse(step), self._counts, *quantizer.table, *sums)
        return sums.astype(np.float64)


def _inverse(step: Floats) -> Floats:
    """Return 1 / steps, and 0 for those of 0."""
    return np.divide(1, step, out=np.zeros_like(step), where=step != 0)
