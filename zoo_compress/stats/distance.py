"""Squared L2 distance, under its former name."""

from __future__ import annotations

from zoo_compress.stats.distances.squared_l2 import SquaredL2


class OutputDistance(SquaredL2):
    """`SquaredL2`, whose `scale` also goes by the name `variance`."""

    @property
    def variance(self) -> float:
        """E||f* - E f*||^2 over the reference samples, normalised as the distances are."""
        return self.scale
