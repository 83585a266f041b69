"""A weight as matrices of rows, one row for each output."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Element = TypeVar("Element", bound=np.generic)


def to_rows(W: npt.NDArray[Element], *, channel_axis: int, groups: int) -> npt.NDArray[Element]:
    """Return a weight as G matrices of O rows with K weights each, shape (G, O, K).

    A row holds the weights that one output is computed with, in the order of the other axes.

    Args:
        W: The weight.
        channel_axis: Its axis of outputs, G * O long, group by group.
        groups: G.
    """
    moved = np.moveaxis(W, channel_axis, 0)
    return moved.reshape(groups, W.shape[channel_axis] // groups, -1)


def from_rows(
    rows: npt.NDArray[Element], shape: tuple[int, ...], *, channel_axis: int
) -> npt.NDArray[Element]:
    """Return the weight of that shape whose rows these are, shape (G, O, K)."""
    others = shape[:channel_axis] + shape[channel_axis + 1 :]
    moved = rows.reshape(shape[channel_axis], *others)
    return np.ascontiguousarray(np.moveaxis(moved, 0, channel_axis))
