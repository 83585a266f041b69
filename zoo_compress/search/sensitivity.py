"""What is known of every option before any plan is measured: its effect on its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_compress.search.space import Theta

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sensitivity:
    """Predicts the distance of a plan from the effects of its options one by one.

    With d_l the change of the outputs that site l causes alone at its level, over the scan's
    inputs, two predictions are known: the changes are uncorrelated, E sum_l |d_l|^2
    (`additive`), or they add up as vectors, E |sum_l d_l|^2 (`gram`). Levels that the scan did
    not measure take the direction of the nearest measured one, its `anchor`, scaled.

    Attributes:
        distortion: E |d_l|^2 of each site at each level, shape (S, L); level 0 is 0, and
            infinity stands where a site has no such level.
        anchor: Row of `inner` that each site and level takes its direction from, shape (S, L).
        inner: E <d_a, d_b> between all anchors, shape (A, A).
    """

    distortion: Matrix
    anchor: npt.NDArray[np.int64]
    inner: Matrix

    def additive(self, theta: Theta) -> float:
        """Return the sum of the distances that the options cause one by one."""
        return float(self.contributions(theta).sum())

    def contributions(self, theta: Theta) -> npt.NDArray[np.float64]:
        """Return the distance that each site causes alone, shape (S,)."""
        return self.distortion[np.arange(theta.size), theta]

    def gram(self, theta: Theta) -> float:
        """Return the squared norm of the sum of the changes, at least 0."""
        rows = self.anchor[np.arange(theta.size), theta]
        power = np.diag(self.inner)[rows]
        scale = np.sqrt(
            np.divide(self.contributions(theta), power, out=np.zeros(theta.size), where=power > 0)
        )
        return max(float(scale @ self.inner[np.ix_(rows, rows)] @ scale), 0.0)
