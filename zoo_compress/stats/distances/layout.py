"""Where the positions and the features of an output are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray

Matrix = npt.NDArray[np.float64]
MAP_RANK = 4
"""An output of this rank is an image-like map, N C H W: its features are on axis 1."""


def float_outputs(sample: Sequence[AnyArray]) -> tuple[int, ...]:
    """Return which outputs are of a floating-point type.

    Raises:
        ValueError: If none is.
    """
    found = tuple(i for i, output in enumerate(sample) if output.dtype.kind == "f")
    if not found:
        raise ValueError("none of the model's outputs is of a floating-point type")
    return found


def comparable(reference: Sequence[AnyArray], outputs: Sequence[AnyArray]) -> bool:
    """Return whether outputs have the shapes of their references and are finite."""
    pairs = zip(reference, outputs, strict=True)
    return all(
        expected.shape == out.shape and bool(np.isfinite(out).all()) for expected, out in pairs
    )


def features(array: AnyArray) -> int:
    """Return the length of the feature axis: the last, or axis 1 of a map; 1 of a scalar."""
    axis = 1 if array.ndim == MAP_RANK else -1
    return int(array.shape[axis]) if array.ndim else 1


def rows(array: AnyArray) -> Matrix:
    """Return an output as a matrix of shape (positions, features)."""
    features_last = np.moveaxis(array, 1, -1) if array.ndim == MAP_RANK else array
    positions = math.prod(features_last.shape[:-1])
    return features_last.reshape(positions, features(array)).astype(np.float64)


def mean_over_positions(values: npt.NDArray[np.float64]) -> float:
    """Return the mean; 0 where there is no position at all."""
    return float(values.mean()) if values.size else 0.0
