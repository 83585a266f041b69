"""Another distance, of vectors that are pooled from those of tokens first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo_compress.core import AnyArray, Pooling
from zoo_compress.stats.distances.base import Distance, Sample, Vector

TOKENS_RANK = 3
"""An output of this rank, N T D, has a vector for each token."""


def pooled(sample: Sample, pooling: Pooling) -> list[AnyArray]:
    """Return outputs with one vector in the place of those of the tokens.

    Args:
        sample: The outputs of a model for one sample; those of another rank than 3, without a
            token or not of a floating-point type stay. Padding must be gone already.
        pooling: How to make one of them.
    """
    return [_one_vector(np.asarray(output), pooling) for output in sample]


def _one_vector(output: AnyArray, pooling: Pooling) -> AnyArray:
    if output.ndim != TOKENS_RANK or output.shape[1] == 0 or output.dtype.kind != "f":
        return output
    if pooling == "cls":
        return np.asarray(output[:, 0])
    if pooling == "last":
        return np.asarray(output[:, -1])
    if pooling == "max":
        return np.asarray(output.max(axis=1))
    return np.asarray(output.mean(axis=1, dtype=np.float64))


class Pooled:
    """What a user of token vectors compares: the distance between what they are pooled into.

    Attributes:
        name: That of the distance.
        noun: What a sentence calls it; the pooling is named.
        degree: That of the distance, and so are the others.
        bounded: See there.
        power: See there.
        scale: See there.
    """

    def __init__(self, distance: Distance, pooling: Pooling) -> None:
        """Take in a distance that was made from pooled reference outputs."""
        self._distance, self._pooling = distance, pooling
        self.name = distance.name
        self.noun = f"{distance.noun} of {pooling}-pooled token vectors"
        self.degree, self.bounded = distance.degree, distance.bounded
        self.power, self.scale = distance.power, distance.scale

    def __call__(self, outputs: Sequence[Sample], indices: Sequence[int]) -> Vector:
        """Return one value per sample, shape (n,); infinity where an output is unusable."""
        return self._distance(self._pool(outputs), indices)

    def estimate(self, outputs: Sequence[Sample], indices: Sequence[int]) -> tuple[float, float]:
        """Return the U-statistic and its estimated variance.

        Raises:
            ValueError: If there are fewer than degree + 1 samples.
        """
        return self._distance.estimate(self._pool(outputs), indices)

    def between(self, reference: Sample, outputs: Sample) -> float:
        """Return the value for one sample whose reference is given, finite.

        Raises:
            ValueError: If `degree` is 2.
        """
        return self._distance.between(*self._pool([reference, outputs]))

    def vectors(self, reference: Sample, outputs: Sample) -> tuple[Vector, Vector]:
        """Return what a distance of degree 2 compares of one sample.

        Raises:
            ValueError: If `degree` is 1.
        """
        return self._distance.vectors(*self._pool([reference, outputs]))

    def relative(self, distance: float) -> float:
        """Return `distance` as a share of `scale`."""
        return self._distance.relative(distance)

    def _pool(self, outputs: Sequence[Sample]) -> list[Sample]:
        return [pooled(sample, self._pooling) for sample in outputs]
