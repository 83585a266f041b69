"""The output that tells classes apart, read as probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray
from zoo_compress.stats.distances.layout import features, rows

Matrix = npt.NDArray[np.float64]
# Half-precision softmax outputs sum to 1 within about 5e-4.
SUM_TOLERANCE = 1e-3


class ClassOutput:
    """Reads class probabilities from a model's floating-point outputs.

    The classes are on the last axis (axis 1 of N C H W) of the first output with two or more.
    Outputs are logits, and a softmax makes probabilities of them, unless every reference output
    already is non-negative with sums of 1 within 1e-3. Such outputs are taken as they are, up to
    a division by their sum and negative values counting as 0.
    """

    def __init__(self, reference: Sequence[Sequence[AnyArray]]) -> None:
        """Find the output and whether it holds probabilities.

        Args:
            reference: The floating-point outputs of each sample, at least one.

        Raises:
            ValueError: If no output has two or more classes.
        """
        wide = [i for i, output in enumerate(reference[0]) if features(output) > 1]
        if not wide:
            shapes = ", ".join(str(output.shape) for output in reference[0])
            raise ValueError(f"no output has two or more classes (shapes {shapes})")
        self._output = wide[0]
        self.holds_probabilities = all(
            _are_probabilities(rows(sample[self._output])) for sample in reference
        )

    def probabilities(self, sample: Sequence[AnyArray]) -> Matrix:
        """Return the probabilities, shape (positions, classes); NaN where they sum to 0."""
        if not self.holds_probabilities:
            return np.exp(self.logarithms(sample))
        weights = np.maximum(rows(sample[self._output]), 0.0)
        table: Matrix = weights / weights.sum(axis=1, keepdims=True)
        return table

    def logarithms(self, sample: Sequence[AnyArray]) -> Matrix:
        """Return the logarithms of the probabilities, shape (positions, classes).

        A probability that is given as 0 counts as the smallest normal number of the output's
        type: it may be a small one that was rounded down.
        """
        output = sample[self._output]
        if self.holds_probabilities:
            floor = float(np.finfo(output.dtype).tiny)
            return np.log(np.maximum(self.probabilities(sample), floor))
        table = rows(output)
        below = table - table.max(axis=1, keepdims=True)
        logs: Matrix = below - np.log(np.exp(below).sum(axis=1, keepdims=True))
        return logs


def _are_probabilities(table: Matrix) -> bool:
    sums_to_one = np.abs(table.sum(axis=1) - 1) <= SUM_TOLERANCE
    return bool((table >= 0).all() and sums_to_one.all())
