"""Squared L2 distance between a compressed model's outputs and the original's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray
from zoo_compress.stats.distances.base import PerSampleDistance, Sample, Vector
from zoo_compress.stats.distances.layout import comparable

Matrix = npt.NDArray[np.float64]


class SquaredL2(PerSampleDistance):
    """Per-sample distance to the reference outputs, normalised so that models compare.

    Only outputs of floating-point type count. For the output f of one sample, batch axis of
    length 1 included, and its reference f*:

    - rank 0 to 2 (a vector of logits, an embedding): ||f - f*||^2;
    - rank 4 (an image-like map, N C H W): ||f - f*||^2 / (H W);
    - any other rank from 3 on (a sequence, N T D): ||f - f*||^2 divided by the product of all
      axes but the batch and the last;
    - several outputs: each of these is divided by the output's variance over the reference
      samples (by 1 where that is zero), and the outputs are averaged.

    An output that is NaN, infinite or of another shape than its reference has distance infinity.

    Attributes:
        divisors: What each floating-point output is divided by.
        scale: E||f* - E f*||^2 over the reference samples, normalised in the same way. Where
            shapes differ between samples, the mean E f* is taken per feature (last axis, or C of
            N C H W) over all positions of all samples. A share of 1 of it explains nothing.
    """

    name = "squared-l2"
    noun = "squared output distance"
    bounded = False
    power = 1.0

    def __init__(
        self, reference: Sequence[Sample], *, divisors: Sequence[float] | None = None
    ) -> None:
        """Take in the reference outputs.

        Args:
            reference: One sequence of output arrays per sample, finite.
            divisors: What to divide each floating-point output by, instead of its variance over
                `reference`: with those of another sample, the distances of this one are
                independent of each other, as a certificate needs.

        Raises:
            ValueError: If there is no sample or no floating-point output.
        """
        super().__init__(reference)
        variances = [_variance(samples) for samples in zip(*self._reference, strict=True)]
        single = len(variances) == 1
        own = [1.0 if single or not v else v for v in variances]
        self.divisors = tuple(own if divisors is None else divisors)
        self.scale = float(np.mean(np.divide(variances, self.divisors)))
        self._width = max(sum(max(out.size, 1) for out in s) for s in self._reference)

    def difference(self, outputs: Sequence[Sample], indices: Sequence[int]) -> Matrix:
        """Return scaled output differences, shape (n, d), whose squared norms are the distances.

        Samples with fewer output elements than the longest are padded with zeros. A sample whose
        distance is infinite is a row of infinities.
        """
        table = np.zeros((len(outputs), self._width))
        for row, sample, index in zip(table, outputs, indices, strict=True):
            reference, own = self._reference[index], self._floats(sample)
            if comparable(reference, own):
                vector = self._vector(reference, own)
                row[: vector.size] = vector
            else:
                row[:] = np.inf
        return table

    def of_squares(self, squares: Matrix, indices: Sequence[int]) -> Vector:
        """Return the distance of each sample, shape (n,), from sums that were made elsewhere.

        Args:
            squares: Sum of squared differences by sample and floating-point output, shape (n, k);
                infinity for an output that is unusable.
            indices: Which reference sample each row belongs to.
        """
        shares = [
            [1 / self._divisor(k, out) for k, out in enumerate(self._reference[i])]
            for i in indices
        ]
        with np.errstate(invalid="ignore"):
            found: Vector = (squares * np.array(shares)).sum(axis=1)
        return np.where(np.isfinite(found), found, np.inf)

    def _divisor(self, output: int, expected: AnyArray) -> float:
        return self.divisors[output] * len(self.divisors) * _positions(expected)

    def _compare(self, reference: Sample, outputs: Sample) -> float:
        vector = self._vector(reference, outputs)
        return float(vector @ vector)

    def _vector(self, reference: Sample, outputs: Sample) -> Vector:
        pairs = zip(outputs, reference, strict=True)
        parts = [
            _difference(out, expected) / math.sqrt(self._divisor(k, expected))
            for k, (out, expected) in enumerate(pairs)
        ]
        return np.concatenate(parts)


def _difference(out: AnyArray, expected: AnyArray) -> Vector:
    difference: Vector = out.ravel().astype(np.float64) - expected.ravel().astype(np.float64)
    return difference


def _positions(array: AnyArray) -> int:
    """Return how many positions a sequence or map has; 1 for vectors."""
    if array.ndim < 3:
        return 1
    axes = array.shape[2:] if array.ndim == 4 else array.shape[1:-1]
    return max(math.prod(axes), 1)


def _by_position(array: AnyArray) -> Matrix:
    """Return the output as a matrix (positions, features)."""
    features_last = np.moveaxis(array, 1, -1) if array.ndim == 4 else array
    width = array.size // _positions(array)
    return features_last.reshape(-1, max(width, 1)).astype(np.float64)


def _variance(samples: Sequence[AnyArray]) -> float:
    """Return E||f - E f||^2 over the samples of one output, divided by its positions."""
    if len({sample.shape for sample in samples}) == 1:
        table = np.stack([sample.ravel().astype(np.float64) for sample in samples])
        return float(
            np.square(table - table.mean(axis=0)).sum() / len(table) / _positions(samples[0])
        )
    tables = [_by_position(sample) for sample in samples]
    if len({table.shape[1] for table in tables}) > 1:
        tables = [table.reshape(-1, 1) for table in tables]
    mean = np.concatenate(tables).mean(axis=0)
    spreads = [
        np.square(table - mean).sum() / _positions(sample)
        for table, sample in zip(tables, samples, strict=True)
    ]
    return float(np.mean(spreads))
