"""Cosine distance between the vectors that two models return."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zoo_compress.stats.distances.base import PerSampleDistance, Sample, Vector
from zoo_compress.stats.distances.layout import features, mean_over_positions, rows

Matrix = npt.NDArray[np.float64]


class Cosine(PerSampleDistance):
    """Half of 1 - cos of the angle between output vectors, whatever their lengths.

    A vector is what the last axis (axis 1 of N C H W) of a floating-point output holds at one
    position. (1 - cos) / 2 is 0 for equal directions, 1/2 for orthogonal ones and 1 for opposite
    ones; two zero vectors are equal, and a zero vector is orthogonal to any other. Averaged over
    the positions of an output, then over outputs. In [0, 1], and quadratic in small changes.
    """

    name = "cosine"
    noun = "cosine distance (1 - cos) / 2"
    bounded = True
    power = 1.0

    def __init__(self, reference: Sequence[Sample]) -> None:
        """Take in the reference outputs, one sequence of arrays per sample, finite.

        Raises:
            ValueError: If there is no sample or no floating-point output with two features.
        """
        super().__init__(reference)
        if all(features(output) < 2 for output in self._reference[0]):
            shapes = ", ".join(str(output.shape) for output in self._reference[0])
            raise ValueError(f"a number has no direction to compare (output shapes {shapes})")

    def _compare(self, reference: Sample, outputs: Sample) -> float:
        pairs = zip(reference, outputs, strict=True)
        values = [mean_over_positions(_between(rows(a), rows(b))) for a, b in pairs]
        return min(sum(values) / len(values), 1.0)


def _between(a: Matrix, b: Matrix) -> Vector:
    """Return (1 - cos) / 2 for each row, as ||u - v||^2 / 4 of unit vectors.

    Unlike 1 - cos, that loses no digits where the directions are close.
    """
    u, v = _unit(a), _unit(b)
    distances = np.square(u - v).sum(axis=1) / 4
    only_one_is_zero = u.any(axis=1) != v.any(axis=1)
    return np.where(only_one_is_zero, 0.5, distances)


def _unit(table: Matrix) -> Matrix:
    """Scale rows to length 1; rows of zeros stay."""
    # Squares of what the largest entry divides neither overflow nor vanish.
    peak = np.abs(table).max(axis=1, keepdims=True, initial=0.0)
    scaled = table / np.where(peak > 0, peak, 1.0)
    norm = np.linalg.norm(scaled, axis=1, keepdims=True)
    unit: Matrix = scaled / np.where(norm > 0, norm, 1.0)
    return unit
