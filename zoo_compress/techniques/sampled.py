"""A few output channels that stand for all of a weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zoo_compress.core import AnyArray, Site
from zoo_compress.numerics.rows import from_rows, to_rows
from zoo_compress.techniques.calibration import Calibration

# Weights from which an error is estimated.
ELEMENTS = 1 << 17
FEWEST_CHANNELS = 16


def sampled(
    weight: AnyArray, site: Site, calibration: Calibration | None
) -> tuple[AnyArray, Site, Calibration | None]:
    """Return a weight of fewer output channels, evenly spaced within each group, and its site.

    Args:
        weight: The original.
        site: Where it is.
        calibration: What is known of its inputs, which stay the same.
    """
    rows = to_rows(weight, channel_axis=site.channel_axis, groups=site.groups)
    groups, outputs, length = rows.shape
    wanted = max(ELEMENTS // max(groups * length, 1), FEWEST_CHANNELS)
    if wanted >= outputs:
        return weight, site, calibration
    chosen = np.linspace(0, outputs - 1, wanted).round().astype(np.int64)
    shape = list(site.shape)
    shape[site.channel_axis] = groups * wanted
    smaller = replace(site, shape=tuple(shape))
    part = from_rows(rows[:, chosen], smaller.shape, channel_axis=site.channel_axis)
    known = None if calibration is None else replace(calibration, site=smaller)
    return part, smaller, known
