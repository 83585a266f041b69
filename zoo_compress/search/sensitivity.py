"""What is known of every option before any plan is measured: its effect on its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_compress.search.space import Thetas

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sensitivity:
    """Predicts the distance of a plan from the effects of its options one by one.

    If sites change the outputs independently of each other, the contributions E |d_l|^2 of the
    sites add up to the squared distance of the plan. What that leaves unexplained was compared
    with the other prediction that the same evaluations allow, by the changes as vectors,
    E |sum_l d_l|^2. Of eight cases (three models at two to four budgets) it explained most of it
    in one, MiniLM-L6 at a quarter of its size, and next to nothing in six: only this one is kept.

    Attributes:
        distortion: Contribution of each site at each level, shape (S, L): its distance alone,
            raised to `power`. Level 0 is 0, and infinity stands where a site has no such level.
        power: Power of the distance in which contributions add up: 1 for squared distances.
    """

    distortion: Matrix
    power: float = 1.0

    def contributions(self, thetas: Thetas) -> Matrix:
        """Return the contribution of each site in each of B plans, shape (B, S)."""
        return self.distortion[np.arange(thetas.shape[1])[None], thetas]

    def totals(self, thetas: Thetas) -> Vector:
        """Return the sums of the contributions: predicted distances, raised to `power`, (B,)."""
        total: Vector = self.contributions(thetas).sum(axis=1)
        return total

    def distances(self, thetas: Thetas) -> Vector:
        """Return the predicted distances of B plans, shape (B,)."""
        predicted: Vector = self.totals(thetas) ** (1 / self.power)
        return predicted
