"""Where the channels of a tensor lie among its axes, also once its shape has changed."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from zoo_compress.graph.channel_sets import Numbers, Unscalable


@dataclass(frozen=True, eq=False)
class Layout:
    """The channel of each element of a tensor.

    Attributes:
        rank: Number of axes of the tensor.
        axes: Those along which the channel changes, ascending, at least one.
        numbers: The channel by its index along these axes.
    """

    rank: int
    axes: tuple[int, ...]
    numbers: Numbers

    def spread(self, shape: Sequence[int | None]) -> Numbers:
        """Return the channels of a tensor, broadcastable to its shape.

        Args:
            shape: Its lengths; an axis of length 1 where this layout has more is refused, and so
                are axes beyond those of this layout.

        Raises:
            Unscalable: If an element would belong to several channels.
        """
        offset = self.rank - len(shape)
        if offset < 0 or any(axis < offset for axis in self.axes):
            raise Unscalable("adds one number to several channels")
        lengths = [1] * len(shape)
        for axis, length in zip(self.axes, self.numbers.shape, strict=True):
            if shape[axis - offset] != length:
                raise Unscalable("adds one number to several channels")
            lengths[axis - offset] = length
        return self.numbers.reshape(lengths)

    def ranked(self, rank: int) -> Layout:
        """Return the layout once axes of length 1 are put in front, as broadcasting does."""
        added = rank - self.rank
        return Layout(rank, tuple(axis + added for axis in self.axes), self.numbers)

    def without(self, gone: Collection[int]) -> Layout:
        """Return the layout once axes that hold no channels are removed."""
        places = tuple(axis - sum(other < axis for other in gone) for axis in self.axes)
        return Layout(self.rank - len(gone), places, self.numbers)

    def transposed(self, permutation: Sequence[int]) -> Layout:
        """Return the layout after Transpose."""
        places = [permutation.index(axis) for axis in self.axes]
        order = np.argsort(places)
        return Layout(
            self.rank,
            tuple(sorted(places)),
            np.ascontiguousarray(self.numbers.transpose(order.tolist())),
        )

    def reshaped(
        self, before: Sequence[int | None] | None, after: Sequence[int | None] | None
    ) -> Layout:
        """Return the layout after Reshape or Flatten.

        Elements keep their order, so that the channels follow from the lengths of the axes from
        the first channel axis on, which must be known; of the axes before it nothing is.

        Args:
            before: The lengths of the axes, None where unknown.
            after: Those of the result.

        Raises:
            Unscalable: If lengths are unknown, or the last axes of the result hold other numbers
                of elements.
        """
        if before is None or after is None or len(before) != self.rank:
            raise Unscalable("has a shape that is not known")
        inner = _known(before[self.axes[0] :])
        if inner is None:
            raise Unscalable("moves channels by a length that is not known")
        start = _tail(after, math.prod(inner))
        lengths = [1] * len(inner)
        for axis, length in zip(self.axes, self.numbers.shape, strict=True):
            lengths[axis - self.axes[0]] = length
        numbers = np.broadcast_to(self.numbers.reshape(lengths), inner)
        tail = [int(length) for length in after[start:] if length is not None]
        return _compact(len(after), start, numbers.reshape(tail))


def _known(lengths: Sequence[int | None]) -> tuple[int, ...] | None:
    known = tuple(length for length in lengths if length is not None)
    return known if len(known) == len(lengths) else None


def _tail(shape: Sequence[int | None], size: int) -> int:
    """Return the axis from which on a shape holds so many elements, the last one that does."""
    held = 1
    for axis in range(len(shape) - 1, -1, -1):
        length = shape[axis]
        if length is None:
            break
        held *= length
        if held == size:
            return axis
    raise Unscalable("mixes channels with other axes")


def _compact(rank: int, first: int, numbers: Numbers) -> Layout:
    """Return a layout without the axes along which the channel does not change."""
    every = range(numbers.ndim)
    axes = [axis for axis in every if (numbers != numbers.take([0], axis=axis)).any()]
    axes = axes or [numbers.ndim - 1]
    chosen = numbers[tuple(slice(None) if axis in axes else 0 for axis in every)]
    return Layout(rank, tuple(first + axis for axis in axes), chosen)
