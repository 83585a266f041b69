"""What every distance between outputs can do, and what the per-sample ones share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray
from zoo_compress.stats.distances.layout import comparable, float_outputs
from zoo_compress.stats.u_statistics import mean_and_variance

Sample = Sequence[AnyArray]
"""The outputs of a model for one sample, batch axis of length 1 included."""
Vector = npt.NDArray[np.float64]


class Distance(Protocol):
    """How far a model's outputs are from the reference outputs.

    A distance is made from `reference: Sequence[Sample]`, finite, and is 0 for equal outputs.

    Attributes:
        name: The name to choose it by.
        noun: What a sentence calls it.
        degree: 1 if it has a value for each sample, 2 if only for each pair of samples.
        bounded: Whether values lie in [0, 1].
        power: Contributions of independent small changes add up in distance ** power.
        scale: What `relative` divides by, in the unit of the distance.
    """

    name: str
    noun: str
    degree: int
    bounded: bool
    power: float
    scale: float

    def __call__(self, outputs: Sequence[Sample], indices: Sequence[int]) -> Vector:
        """Return one value per sample, shape (n,); infinity where an output is unusable.

        Args:
            outputs: The outputs to compare.
            indices: Which reference sample each of them belongs to.
        """
        ...

    def estimate(self, outputs: Sequence[Sample], indices: Sequence[int]) -> tuple[float, float]:
        """Return the U-statistic and its estimated variance; both infinite if a value is.

        Raises:
            ValueError: If there are fewer than degree + 1 samples.
        """
        ...

    def between(self, reference: Sample, outputs: Sample) -> float:
        """Return the value for one sample whose reference is given, finite.

        The normalisation is that of this object, so that nothing but the value need be kept
        of a sample.

        Raises:
            ValueError: If `degree` is 2: one sample alone then has no value.
        """
        ...

    def vectors(self, reference: Sample, outputs: Sample) -> tuple[Vector, Vector]:
        """Return what of one sample a distance of degree 2 compares with other samples.

        The second is infinite where the outputs are unusable.

        Raises:
            ValueError: If `degree` is 1: the value of the sample says all.
        """
        ...

    def relative(self, distance: float) -> float:
        """Return `distance` as a share of `scale`."""
        ...


def share_of(scale: float, distance: float) -> float:
    """Return `distance` / `scale`; of a scale of 0 that is infinity, or 0 for distance 0."""
    if scale == 0.0:
        return 0.0 if distance == 0.0 else math.inf
    return distance / scale


class PerSampleDistance(ABC):
    """A distance of degree 1: it has a value for each sample, and its estimate is their mean.

    Only outputs of floating-point type count. A sample with an output that is NaN, infinite or of
    another shape than its reference has distance infinity.
    """

    name: str
    degree = 1
    scale = 1.0

    def __init__(self, reference: Sequence[Sample]) -> None:
        """Take in the reference outputs, one sequence of arrays per sample, finite.

        Raises:
            ValueError: If there is no sample or no floating-point output.
        """
        if not reference:
            raise ValueError("at least one reference sample is needed")
        self._outputs = float_outputs(reference[0])
        self._reference = [self._floats(sample) for sample in reference]

    def __call__(self, outputs: Sequence[Sample], indices: Sequence[int]) -> Vector:
        """Return the distance of each sample, shape (n,).

        Args:
            outputs: One sequence of output arrays per sample.
            indices: Which reference sample each of them belongs to.
        """
        pairs = zip(outputs, indices, strict=True)
        values = [self._value(self._reference[i], self._floats(sample)) for sample, i in pairs]
        return np.array(values, dtype=np.float64)

    def estimate(self, outputs: Sequence[Sample], indices: Sequence[int]) -> tuple[float, float]:
        """Return the mean distance and the variance of that mean, as `mean_and_variance` does.

        Raises:
            ValueError: If there are fewer than two samples.
        """
        return mean_and_variance(self(outputs, indices))

    def between(self, reference: Sample, outputs: Sample) -> float:
        """Return the distance of one sample from a reference that is given, finite."""
        return self._value(self._floats(reference), self._floats(outputs))

    def vectors(self, reference: Sample, outputs: Sample) -> tuple[Vector, Vector]:
        """Refuse: each sample has a value.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"the distance {self.name} compares no vectors of different samples")

    def relative(self, distance: float) -> float:
        """Return `distance` as a share of `scale`.

        If the scale is 0, that is infinity, or 0 for distance 0.
        """
        return share_of(self.scale, distance)

    def _floats(self, sample: Sample) -> list[AnyArray]:
        return [sample[i] for i in self._outputs]

    def _value(self, reference: Sample, outputs: Sample) -> float:
        if not comparable(reference, outputs):
            return math.inf
        with np.errstate(over="ignore", invalid="ignore"):
            value = self._compare(reference, outputs)
        return value if math.isfinite(value) else math.inf

    @abstractmethod
    def _compare(self, reference: Sample, outputs: Sample) -> float:
        """Return the distance between floating-point outputs of equal shapes, all finite."""
