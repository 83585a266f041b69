"""How a weight is cut into blocks that share one step size."""

from __future__ import annotations

import math
from dataclasses import dataclass

from zoo_compress.core import Site


@dataclass(frozen=True)
class Blocks:
    """A view of a weight in which whole axes belong to one block.

    Attributes:
        shape: Shape of the view, as many elements as the weight.
        shared_axes: The axes of the view that one block spans.
    """

    shape: tuple[int, ...]
    shared_axes: tuple[int, ...]

    @property
    def scale_shape(self) -> tuple[int, ...]:
        """Shape of the step sizes: the view's, with the shared axes of length 1."""
        return tuple(
            1 if axis in self.shared_axes else length for axis, length in enumerate(self.shape)
        )


def channel_blocks(site: Site) -> Blocks:
    """Return one block for each output channel."""
    axes = tuple(axis for axis in range(len(site.shape)) if axis != site.channel_axis)
    return Blocks(site.shape, axes)


def group_blocks(site: Site, size: int) -> Blocks | None:
    """Return blocks of `size` consecutive weights within an output channel.

    None where the channel axis is neither the first nor the last, where the weights of a channel
    are no whole number of groups, or where a channel is one group (then `channel_blocks` says it).
    """
    channels = site.shape[site.channel_axis]
    inner = math.prod(site.shape) // max(channels, 1)
    if inner % size or inner == size:
        return None
    if site.channel_axis == 0:
        return Blocks((channels, inner // size, size), (2,))
    if site.channel_axis == len(site.shape) - 1:
        return Blocks((inner // size, size, channels), (1,))
    return None
