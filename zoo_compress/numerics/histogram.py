"""How often a tensor holds which numbers, added up sample by sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

# Enough that the range of a tensor whose first sample is half as large as its largest still has
# thousands of bins, which 256 levels need to be told apart.
BINS = 1 << 15
# Smaller numbers all fall in the middle; no quotient of bins and radius overflows.
SMALLEST_RADIUS = 2.0**-100


@dataclass(frozen=True, kw_only=True, eq=False)
class Histogram:
    """Numbers of one tensor over all samples.

    Attributes:
        low: The least.
        high: The largest.
        centres: Centres of bins of equal width, shape (B,), ascending.
        counts: How many numbers fell in each, shape (B,).
        width: Width of a bin.
    """

    low: float
    high: float
    centres: Vector
    counts: Vector
    width: float

    @property
    def power(self) -> float:
        """Mean square of the numbers."""
        total = float(self.counts.sum())
        return float(self.counts @ np.square(self.centres)) / total if total else 0.0


class HistogramSums:
    """Counts numbers in bins over [-R, R]; R doubles, and bins merge in pairs, as needed.

    R is a power of two above all magnitudes, so that merged bins are exactly two old ones and the
    result depends on the numbers alone. `low` and `high` are exact.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self._counts = np.zeros(BINS)
        self._radius = 0.0
        self._low, self._high = np.inf, -np.inf

    def add(self, values: npt.NDArray[Any], *, most: int) -> None:
        """Count numbers, evenly spaced ones where there are more than `most`.

        Raises:
            ValueError: If one of them is NaN or infinite.
        """
        flat = np.asarray(values, np.float32).reshape(-1)
        if not flat.size:
            return
        low, high = float(flat.min()), float(flat.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError("a histogram of NaN or infinity")
        self._low, self._high = min(self._low, low), max(self._high, high)
        self._cover(max(-low, high))
        step = -(-flat.size // most)
        counted = flat[::step]
        # Exact in float64, so that numbers fall in the same bins before and after a merger.
        scaled = (counted.astype(np.float64) + self._radius) * (BINS / (2 * self._radius))
        places = scaled.astype(np.int64)
        self._counts += np.bincount(places, minlength=BINS)

    def histogram(self) -> Histogram | None:
        """Return what was counted, None if that is nothing."""
        if self._low > self._high:
            return None
        width = 2 * self._radius / BINS
        centres: Vector = (np.arange(BINS, dtype=np.float64) + 0.5) * width - self._radius
        used = self._counts > 0
        return Histogram(
            low=self._low,
            high=self._high,
            centres=centres[used],
            counts=self._counts[used],
            width=width,
        )

    def _cover(self, magnitude: float) -> None:
        needed = 2.0 ** (math.floor(math.log2(max(magnitude, SMALLEST_RADIUS))) + 1)
        if not self._radius:
            self._radius = needed
        while self._radius < needed:
            pairs = self._counts.reshape(-1, 2).sum(axis=1)
            self._counts = np.zeros(BINS)
            self._counts[BINS // 4 : 3 * BINS // 4] = pairs
            self._radius *= 2
