"""The inputs of a convolution as rows: one for each place of its kernel."""

from __future__ import annotations

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
    padded = _padded(x, window)
    # One channel to a row, all samples behind each other in it.
    channels = np.ascontiguousarray(padded.swapaxes(0, 1)).reshape(x.shape[1], -1)
    steps = np.cumprod([1, *padded.shape[:1:-1]])[::-1]
    sample, *corners = np.unravel_index(chosen, (len(x), *places(x.shape, window)))
    starts, offsets = sample * steps[0], np.zeros(1, np.int64)
    for axis, corner in enumerate(corners):
        step = steps[1 + axis]
        starts = starts + corner * (window.strides[axis] * step)
        along = np.arange(window.kernel[axis]) * (window.dilations[axis] * step)
        offsets = (offsets[:, None] + along).reshape(-1)
    found = np.take(channels, (starts[:, None] + offsets).reshape(-1), axis=1)
    inputs = x.shape[1] // window.groups
    of_groups = found.reshape(window.groups, inputs, len(chosen), len(offsets)).swapaxes(1, 2)
    rows = np.ascontiguousarray(of_groups)
    return rows.reshape(window.groups, len(chosen), inputs * len(offsets))


def _padded(x: npt.NDArray[np.floating], window: Window) -> npt.NDArray[np.floating]:
    """Return an input with its zeros; `numpy.pad` takes several times as long for small ones."""
    if not any(window.begin) and not any(window.end):
        return x
    axes = list(zip(x.shape[2:], window.begin, window.end, strict=True))
    found = np.zeros((*x.shape[:2], *(sum(lengths) for lengths in axes)), x.dtype)
    inside = [slice(begin, begin + length) for length, begin, _ in axes]
    found[:, :, *inside] = x
    return found
