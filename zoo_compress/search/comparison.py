"""Compare what a plan returns with what the original returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Plan
from zoo_compress.runtime.differences import Differences
from zoo_compress.stats.certificates import top_answers_differ
from zoo_compress.stats.distances.base import Distance
from zoo_compress.stats.distances.squared_l2 import SquaredL2
from zoo_compress.stats.u_statistics import mean_and_variance
from zoo_compress.techniques.candidates import Candidates

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Compares plans on fixed samples, on the evaluator's device where that is all it takes.

    Attributes:
        candidates: Runs plans.
        distance: Compares outputs.
        indices: The samples to run.
    """

    candidates: Candidates
    distance: Distance
    indices: Sequence[int]

    def mean(self, plan: Plan) -> float:
        """Return the mean distance of a plan over the samples; infinity if one is unusable.

        Raises:
            ValueError: If the distance has no value for single samples.
        """
        found = self._on_device(plan)
        if found is not None:
            return float(np.mean(found[1]))
        outputs = self.candidates.outputs(plan, self.indices)
        return float(np.mean(self.distance(outputs, self.indices)))

    def estimate(self, plan: Plan, *, top_answers: bool) -> tuple[float, float, float | None]:
        """Return distance, its variance and the share of samples whose top answer changed.

        Args:
            plan: The plan.
            top_answers: Whether to compare the top answers too; the share is None if not.
        """
        found = self._on_device(plan)
        if found is not None and (found[0].answers_differ is not None or not top_answers):
            mean, variance = mean_and_variance(found[1])
            changed = found[0].answers_differ if top_answers else None
            return mean, variance, None if changed is None else float(np.mean(changed))
        outputs = self.candidates.outputs(plan, self.indices)
        mean, variance = self.distance.estimate(outputs, self.indices)
        if not top_answers:
            return mean, variance, None
        references = [self.candidates.reference[index] for index in self.indices]
        changed_here = [*map(top_answers_differ, references, outputs)]
        return mean, variance, float(np.mean(changed_here))

    def _on_device(self, plan: Plan) -> tuple[Differences, Vector] | None:
        if not isinstance(self.distance, SquaredL2):
            return None
        found = self.candidates.differences(plan, self.indices)
        if found is None:
            return None
        return found, self.distance.of_squares(found.squares, self.indices)
