"""Kullback-Leibler divergence of a model's class probabilities from the original's."""

from __future__ import annotations

from collections.abc import Sequence

from zoo_compress.stats.distances.base import PerSampleDistance, Sample
from zoo_compress.stats.distances.class_output import ClassOutput
from zoo_compress.stats.distances.layout import mean_over_positions


class KullbackLeibler(PerSampleDistance):
    """Information lost, in nats, by coding the original's answers with the other's probabilities.

    KL(original || compressed) = sum_c p_c (log p_c - log q_c) for probabilities p of the original
    and q of the compressed model, read as `ClassOutput` does, averaged over positions where there
    are several. Not symmetric and not bounded. At least 2 TV^2 (Pinsker's inequality).
    """

    name = "kl"
    noun = "Kullback-Leibler divergence of the class probabilities"
    bounded = False
    power = 1.0

    def __init__(self, reference: Sequence[Sample]) -> None:
        """Take in the reference outputs, one sequence of arrays per sample, finite.

        Raises:
            ValueError: If there is no sample or no floating-point output with two classes.
        """
        super().__init__(reference)
        self._classes = ClassOutput(self._reference)

    def _compare(self, reference: Sample, outputs: Sample) -> float:
        p = self._classes.probabilities(reference)
        logs = self._classes.logarithms(reference) - self._classes.logarithms(outputs)
        # Rounding may fall below 0 by a few units in the last place.
        return max(mean_over_positions((p * logs).sum(axis=1)), 0.0)
