"""What size buys what distance, as far as the scan and the trials so far can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_compress.search.projection import knapsack
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.space import SearchSpace, Theta

Vector = npt.NDArray[np.float64]

# Enough that neighbours differ by a few percent of size, few enough to be solved in a moment.
POINTS = 48
# Trials teach about sizes up to about a factor e^0.3 from their own.
REACH = 0.3
# The scan's own prediction counts as this many trials.
WEIGHT_OF_THE_SCAN = 0.5
SMALLEST_SHARE = 1e-12


@dataclass(frozen=True, kw_only=True, eq=False)
class SizeCurve:
    """The best plans by the scan at a ladder of sizes, and their predicted distances.

    Attributes:
        thetas: One plan a size, most bytes first.
        stored_bytes: Their sizes, shape (P,).
        log_distance: Logarithm of their predicted distances, shape (P,).
    """

    thetas: tuple[Theta, ...]
    stored_bytes: Vector
    log_distance: Vector

    @classmethod
    def of(cls, space: SearchSpace, sensitivity: Sensitivity) -> SizeCurve:
        """Solve the knapsack problem over the scan at sizes from the largest to the smallest."""
        largest = space.separable_bytes(space.largest)
        smallest = space.separable_bytes(space.smallest)
        limits = np.geomspace(largest, smallest, POINTS).astype(np.int64)
        limits[-1] = smallest
        found = [knapsack(space.costs, sensitivity.distortion, int(limit)) for limit in limits]
        thetas = list({theta.tobytes(): theta for theta in found}.values())
        distances = sensitivity.distances(np.array(thetas))
        floor = SMALLEST_SHARE * (float(distances.max()) or 1.0)
        return cls(
            thetas=tuple(thetas),
            stored_bytes=space.separable_sizes(np.array(thetas)),
            log_distance=np.log(np.maximum(distances, floor)),
        )

    def calibrated(self, sizes: Sequence[int], residuals: Sequence[float]) -> Vector:
        """Return the log distances, shifted by what trials of like size found, shape (P,).

        Args:
            sizes: Bytes of the trials.
            residuals: How much the logarithm of each trial's distance exceeds its prediction.
        """
        apart = np.log(self.stored_bytes)[:, None] - np.log(np.array(sizes, float))[None]
        weights = np.exp(-0.5 * np.square(apart / REACH))
        shift = weights @ np.array(residuals, float) / (weights.sum(axis=1) + WEIGHT_OF_THE_SCAN)
        calibrated: Vector = self.log_distance + shift
        return calibrated

    def size_for(self, log_distance: float, calibrated: Vector) -> int:
        """Return the bytes at which the calibrated curve reaches a log distance.

        The most bytes if it stays above it, the fewest if it stays below.
        """
        falling = np.maximum.accumulate(calibrated)
        return int(np.interp(log_distance, falling, self.stored_bytes))
