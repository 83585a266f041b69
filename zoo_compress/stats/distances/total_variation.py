"""Total variation distance between the class probabilities of two models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo_compress.stats.distances.base import PerSampleDistance, Sample
from zoo_compress.stats.distances.class_output import ClassOutput
from zoo_compress.stats.distances.layout import mean_over_positions


class TotalVariation(PerSampleDistance):
    """Largest difference in the probability that two classifiers give to any set of classes.

    For probabilities p of the original and q of the compressed model, read as `ClassOutput`
    does, it is sum_c |p_c - q_c| / 2, averaged over positions where there are several. In [0, 1].
    A small change of the logits moves it in proportion, so independent ones add up in squares.
    """

    name = "total-variation"
    noun = "total variation distance of the class probabilities"
    bounded = True
    power = 2.0

    def __init__(self, reference: Sequence[Sample]) -> None:
        """Take in the reference outputs, one sequence of arrays per sample, finite.

        Raises:
            ValueError: If there is no sample or no floating-point output with two classes.
        """
        super().__init__(reference)
        self._classes = ClassOutput(self._reference)

    def _compare(self, reference: Sample, outputs: Sample) -> float:
        p, q = self._classes.probabilities(reference), self._classes.probabilities(outputs)
        # Rounding may exceed 1 by a few units in the last place.
        return min(mean_over_positions(np.abs(p - q).sum(axis=1) / 2), 1.0)
