"""How far numbers are from others, as a share of their power."""

from __future__ import annotations

import numpy as np

from zoo_compress.core import AnyArray


def relative_error(original: AnyArray, other: AnyArray) -> float:
    """Return ||other - original||^2 / ||original||^2.

    0 where nothing differs; infinity where that is not finite, so also where the original is 0
    throughout and the other is not.

    Args:
        original: Any shape; taken as float32.
        other: The same shape.
    """
    before, after = original.astype(np.float32), other.astype(np.float32)
    error, power = _squares(after - before), _squares(before)
    if error == 0:
        return 0.0
    return error / power if power and np.isfinite(error) else np.inf


def _squares(array: AnyArray) -> float:
    return float(np.square(array, dtype=np.float64).sum())
