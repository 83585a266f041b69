"""Draw samples from a larger collection."""

from __future__ import annotations

import numpy as np


def draw(total: int, *, count: int, seed: int) -> list[int]:
    """Return at most `count` indices below `total`: all in order, or a seeded random choice."""
    if total <= count:
        return list(range(total))
    return [int(index) for index in np.random.default_rng(seed).permutation(total)[:count]]


def describe_draw(taken: int, total: int, *, what: str, seed: int) -> str:
    """Return the words for a draw, for example `50 of 500 images in x, drawn with seed 0`."""
    return (
        f"{taken} {what}"
        if taken == total
        else f"{taken} of {total} {what}, drawn with seed {seed}"
    )
