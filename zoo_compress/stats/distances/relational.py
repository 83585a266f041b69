"""Relational distance: how far a model changes the similarities between samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray
from zoo_compress.stats.distances.base import Sample, Vector, share_of
from zoo_compress.stats.distances.layout import comparable, float_outputs, rows
from zoo_compress.stats.u_statistics import pair_mean_and_variance

Matrix = npt.NDArray[np.float64]


def pooled_vector(sample: Sample) -> Vector:
    """Return one vector for a sample: each float output's mean over its positions, end to end.

    Positions and features are those of the other distances: of N T D the mean over T, of N C H W
    the mean over H and W. Samples with different numbers of positions so have equal vectors.

    Raises:
        ValueError: If no output is of a floating-point type.
    """
    tables = [rows(sample[index]) for index in float_outputs(sample)]
    # The mean over no position is 0.
    return np.concatenate([table.sum(axis=0) / max(len(table), 1) for table in tables])


def relational_kernel(original: Matrix, other: Matrix) -> Matrix:
    """Return h_ij = (<f_i, f_j> - <g_i, g_j>)^2 for all pairs of samples.

    Args:
        original: Vectors f of one model, shape (n, d).
        other: Vectors g of another for the same samples, shape (n, e). A row that is not finite
            has kernel infinity with every other.

    Returns:
        Symmetric values, shape (n, n). The diagonal means nothing.
    """
    usable = np.array([np.isfinite(vector).all() for vector in other], dtype=np.bool_)
    kept = np.where(usable[:, None], other, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.square(original @ original.T - kept @ kept.T)
    known = usable[:, None] & usable[None, :] & np.isfinite(squares)
    return np.where(known, squares, np.inf)


class Relational:
    """Mean squared change of the inner product between the outputs of two samples.

    E (<f(x), f(x')> - <g(x), g(x')>)^2 over pairs of independent samples x, x', for the vectors
    of `pooled_vector`, is what a search or a clustering by similarity sees of a change: it is 0
    for a rotated embedding. A U-statistic of degree 2. The value of one sample is its mean over
    the others, so that a sample whose output is NaN, infinite or of another shape than its
    reference makes every value infinite. Not bounded, and quadratic in small changes.

    Attributes:
        scale: E <f(x), f(x')>^2 over the pairs of reference samples.
    """

    name = "relational"
    noun = "relational distance"
    degree = 2
    bounded = False
    power = 1.0

    def __init__(self, reference: Sequence[Sample]) -> None:
        """Take in the reference outputs, one sequence of arrays per sample, finite.

        Only the pooled vectors are kept.

        Raises:
            ValueError: If there are fewer than two samples, no floating-point output, or samples
                whose vectors differ in length.
        """
        if len(reference) < 2:
            raise ValueError("the relational distance compares pairs: it needs two samples")
        self._outputs = float_outputs(reference[0])
        self._shapes = [[sample[i].shape for i in self._outputs] for sample in reference]
        vectors = [pooled_vector(self._floats(sample)) for sample in reference]
        lengths = sorted({vector.size for vector in vectors})
        if len(lengths) > 1:
            raise ValueError(
                f"the relational distance needs vectors of one length; the samples' have "
                f"{lengths[0]} to {lengths[-1]} features"
            )
        self._vectors = np.stack(vectors)
        nothing = np.zeros_like(self._vectors)
        self.scale = float(_mean_over_others(relational_kernel(self._vectors, nothing)).mean())

    def __call__(self, outputs: Sequence[Sample], indices: Sequence[int]) -> Vector:
        """Return the mean of the kernel over the other samples, for each sample, shape (n,).

        Args:
            outputs: One sequence of output arrays per sample, at least two.
            indices: Which reference sample each of them belongs to, all different.

        Raises:
            ValueError: If there are fewer than two samples.
        """
        return _mean_over_others(self.kernel(outputs, indices))

    def kernel(self, outputs: Sequence[Sample], indices: Sequence[int]) -> Matrix:
        """Return the kernel for all pairs of samples, as `relational_kernel` does."""
        pairs = zip(outputs, indices, strict=True)
        vectors = [self._vector(sample, index) for sample, index in pairs]
        own = np.array(vectors).reshape(len(vectors), self._vectors.shape[1])
        return relational_kernel(self._vectors[list(indices)], own)

    def estimate(self, outputs: Sequence[Sample], indices: Sequence[int]) -> tuple[float, float]:
        """Return the U-statistic and its jackknife variance, as `pair_mean_and_variance` does.

        Raises:
            ValueError: If there are fewer than three samples.
        """
        return pair_mean_and_variance(self.kernel(outputs, indices))

    def between(self, reference: Sample, outputs: Sample) -> float:
        """Refuse: one sample alone has no value.

        Raises:
            ValueError: Always.
        """
        raise ValueError("the relational distance has a value for pairs of samples, not for one")

    def vectors(self, reference: Sample, outputs: Sample) -> tuple[Vector, Vector]:
        """Return the pooled vectors of both models, the second infinite where it is unusable."""
        expected, own = self._floats(reference), self._floats(outputs)
        vector = pooled_vector(expected)
        usable = comparable(expected, own)
        return vector, pooled_vector(own) if usable else np.full_like(vector, np.inf)

    def relative(self, distance: float) -> float:
        """Return `distance` as a share of `scale`; of a scale of 0, infinity, or 0 for 0."""
        return share_of(self.scale, distance)

    def _floats(self, sample: Sample) -> list[AnyArray]:
        return [sample[i] for i in self._outputs]

    def _vector(self, sample: Sample, index: int) -> Vector:
        own = self._floats(sample)
        expected = [np.broadcast_to(0.0, shape) for shape in self._shapes[index]]
        if comparable(expected, own):
            return pooled_vector(own)
        return np.full(self._vectors.shape[1], np.inf)


def _mean_over_others(kernel: Matrix) -> Vector:
    if len(kernel) < 2:
        raise ValueError("the relational distance compares pairs: it needs two samples")
    off_diagonal = kernel.copy()
    np.fill_diagonal(off_diagonal, 0.0)
    means: Vector = off_diagonal.sum(axis=1) / (len(kernel) - 1)
    return means
