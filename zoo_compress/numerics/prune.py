"""Which weights to keep."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt


def kept_count(elements: int, density: float) -> int:
    """Return how many weights a share of them is, rounded up.

    Args:
        elements: Number of weights.
        density: Share to keep, above 0 and below 1.

    Raises:
        ValueError: If density is out of range.
    """
    if not 0 < density < 1:
        raise ValueError(f"density must be above 0 and below 1, not {density}")
    return math.ceil(density * elements)


def keep_largest(scores: npt.NDArray[np.floating[Any]], count: int) -> npt.NDArray[np.bool_]:
    """Return a mask of the `count` largest scores; of equal ones the first in C order are kept.

    Args:
        scores: Any shape, without NaN.
        count: At most as many as there are scores.
    """
    flat = scores.reshape(-1)
    kept = np.zeros(flat.size, np.bool_)
    if count:
        limit = np.partition(flat, flat.size - count)[flat.size - count]
        np.greater(flat, limit, out=kept)
        ties = np.flatnonzero(flat == limit)
        kept[ties[: count - np.count_nonzero(kept)]] = True
    return kept.reshape(scores.shape)
