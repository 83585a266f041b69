"""The inputs of a convolution as rows: one for each place of its kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Window:
    """How a kernel moves over its input, as the ONNX operator Conv describes it.

    Attributes:
        kernel: Lengths of the kernel.
        strides: Steps between two places.
        dilations: Steps between two weights of the kernel.
        begin: Zeros put before each axis.
        end: Zeros put after it.
        groups: Groups of channels.
        same: Set to `upper` or `lower`, as many zeros as keep the length after division by the
            stride take the place of `begin` and `end`; an odd one goes to that end.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begin: tuple[int, ...]
    end: tuple[int, ...]
    groups: int
    same: Literal["upper", "lower"] | None = None

    def fitted(self, x_shape: tuple[int, ...]) -> Window:
        """Return the same with the zeros that an input (N, C, spatial axes) gets."""
        if self.same is None:
            return self
        axes = zip(x_shape[2:], self.kernel, self.strides, self.dilations, strict=True)
        totals = [
            max((-(-length // stride) - 1) * stride + dilation * (kernel - 1) + 1 - length, 0)
            for length, kernel, stride, dilation in axes
        ]
        less, more = tuple(t // 2 for t in totals), tuple(t - t // 2 for t in totals)
        begin, end = (less, more) if self.same == "upper" else (more, less)
        return replace(self, begin=begin, end=end, same=None)


def places(x_shape: tuple[int, ...], window: Window) -> tuple[int, ...]:
    """Return in how many places a kernel lies on an input (N, C, spatial axes), by axis."""
    found = []
    for axis, length in enumerate(x_shape[2:]):
        reach = window.dilations[axis] * (window.kernel[axis] - 1) + 1
        padded = length + window.begin[axis] + window.end[axis]
        found.append(max((padded - reach) // window.strides[axis] + 1, 0))
    return tuple(found)


def unfold(
    x: npt.NDArray[np.floating], window: Window, chosen: npt.NDArray[np.int64]
) -> npt.NDArray[np.floating]:
    """Return what the kernel is multiplied with in chosen places.

    Args:
        x: The input, shape (N, C, spatial axes).
        window: How the kernel moves, fitted to the input.
        chosen: Indices of places, counted through samples and axes in C order, shape (P,).

    Returns:
        Rows of C / G channels times kernel weights in the order of the kernel, (G, P, K).
    """
    pads = [(0, 0), (0, 0), *zip(window.begin, window.end, strict=True)]
    padded = np.pad(x, pads)
    sample, *corners = np.unravel_index(chosen, (len(x), *places(x.shape, window)))
    # Index arrays (P, 1, kernel axes), so that advanced indexing yields (P, C, kernel axes).
    rank = len(window.kernel)
    index: list[npt.NDArray[np.int64]] = [
        sample.reshape(-1, *[1] * (rank + 1)),
        np.arange(x.shape[1]).reshape(1, -1, *[1] * rank),
    ]
    for axis, corner in enumerate(corners):
        offsets = window.dilations[axis] * np.arange(window.kernel[axis])
        shape = [1] * rank
        shape[axis] = -1
        start = (corner * window.strides[axis]).reshape(-1, *[1] * (rank + 1))
        index.append(start + offsets.reshape(1, 1, *shape))
    length = x.shape[1] // window.groups * math.prod(window.kernel)
    rows = padded[tuple(index)].reshape(len(chosen), window.groups, length)
    return np.ascontiguousarray(rows.swapaxes(0, 1))
