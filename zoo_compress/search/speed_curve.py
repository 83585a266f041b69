"""From the times of sites, which add up only nearly, to those of whole models."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SpeedCurve:
    """What share of the original's time plans take, by what their sites cost.

    A line through what was measured of whole plans. The share never falls as the cost grows: where
    measurements contradict that, the larger share counts.

    Attributes:
        points: Cost and share of plans.
    """

    points: tuple[tuple[float, float], ...] = ()

    def joined(self, cost: float, share: float) -> SpeedCurve:
        """Return the curve through another point too."""
        return replace(self, points=(*self.points, (float(cost), share)))

    def expected(self, cost: float) -> float:
        """Return the share that a plan of that cost is expected to take.

        Beyond what was measured it is that of the nearest point.

        Raises:
            ValueError: If nothing was measured.
        """
        costs, shares = self._line()
        return float(np.interp(cost, costs, shares))

    def limit_for(self, share: float) -> int | None:
        """Return the most that plans may cost which are expected to take at most a share.

        None if not even the cheapest that was measured does.

        Raises:
            ValueError: If nothing was measured.
        """
        costs, shares = self._line()
        within = np.flatnonzero(shares <= share)
        if not within.size:
            return None
        last = int(within[-1])
        if last + 1 == len(costs):
            return int(costs[last])
        part = (share - shares[last]) / (shares[last + 1] - shares[last])
        return int(costs[last] + part * (costs[last + 1] - costs[last]))

    def _line(self) -> tuple[Vector, Vector]:
        """Return costs, each once, in ascending order, and the shares that go with them."""
        if not self.points:
            raise ValueError("nothing was measured")
        costs, shares = np.array(sorted(self.points)).T
        highest = np.maximum.accumulate(shares)
        distinct, first = np.unique(costs[::-1], return_index=True)
        return distinct, highest[::-1][first]
