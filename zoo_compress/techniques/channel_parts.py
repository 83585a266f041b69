"""Parts of consecutive output channels of a weight, each with what is known of its inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from zoo_compress.core import Site
from zoo_compress.techniques.calibration import Calibration


@dataclass(frozen=True)
class ChannelPart:
    """Some consecutive output channels of a weight.

    Attributes:
        index: Takes the weight to the part.
        site: Of the part, as if it were a weight of its own.
        calibration: What is known of its inputs.
    """

    index: tuple[slice, ...]
    site: Site
    calibration: Calibration | None


def channel_parts(
    site: Site, count: int, calibration: Calibration | None
) -> Iterator[ChannelPart]:
    """Yield equal parts of consecutive output channels, the whole if there is one.

    Args:
        site: Where the weight is.
        count: Number of parts; divides the number of channels.
        calibration: What is known of the inputs of the site.
    """
    if count == 1:
        yield ChannelPart((), site, calibration)
        return
    channels, axis = site.shape[site.channel_axis] // count, site.channel_axis
    shape = (*site.shape[:axis], channels, *site.shape[axis + 1 :])
    for start in range(0, channels * count, channels):
        index = (*[slice(None)] * axis, slice(start, start + channels))
        smaller = replace(site, shape=shape, groups=max(site.groups // count, 1))
        yield ChannelPart(index, smaller, _part_calibration(calibration, smaller, start))


def _part_calibration(
    calibration: Calibration | None, part: Site, start: int
) -> Calibration | None:
    """Return what is known of the inputs of a part whose first channel is `start`.

    None where the part begins or ends within one of the groups of a convolution and spans others.
    """
    if calibration is None:
        return None
    whole = calibration.site
    outputs = whole.shape[whole.channel_axis] // whole.groups
    channels = part.shape[part.channel_axis]
    if channels % outputs and outputs % channels:
        return None
    moments = calibration.moments
    if whole.groups > 1:
        chosen = slice(start // outputs, start // outputs + part.groups)
        mean, covariance = moments.mean[chosen], moments.covariance[chosen]
        moments = replace(moments, mean=mean, covariance=covariance)
    return replace(calibration, site=part, moments=moments)
