"""Numbers in sentences that must still be true after rounding."""

from __future__ import annotations

import math
from collections.abc import Callable


def rounded_up(value: float) -> str:
    """Return three significant digits that are at least `value`, so that they still bound."""
    return _rounded(value, math.ceil)


def rounded_down(value: float) -> str:
    """Return three significant digits that are at most `value`, so that they still bound."""
    return _rounded(value, math.floor)


def _rounded(value: float, to_integer: Callable[[float], int]) -> str:
    if value == 0 or math.isinf(value):
        return f"{abs(value):g}" if value == 0 else f"{value:g}"
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return f"{to_integer(round(value / unit, 6)) * unit:.3g}"
