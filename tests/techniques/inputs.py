"""Rows of inputs, and what a calibration that saw all of them knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo_compress.core import Option, Site
from zoo_compress.numerics.moments import InputMoments
from zoo_compress.numerics.rows import to_rows
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.codes import Codes

# Shape, axis of outputs and groups: of a matrix, its transpose, a kernel, and kernels in groups.
WEIGHTS = {
    "matrix": ((24, 20), 0, 1),
    "transposed": ((20, 24), 1, 1),
    "kernel": ((8, 5, 3, 2), 0, 1),
    "groups": ((12, 3, 4), 0, 3),
    "depthwise": ((9, 1, 3, 3), 0, 9),
}


def site_of(kind="matrix", *, bias=None, dtype="float32") -> Site:
    shape, axis, groups = WEIGHTS[kind]
    return Site(
        name="w",
        shape=shape,
        dtype=dtype,
        channel_axis=axis,
        readers=(),
        groups=groups,
        bias=bias,
    )


def drawn(*shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def codes(bits, **settings) -> Option:
    """Return an option of the technique `codes`, of no known size."""
    settings = {"bits": bits, "granularity": "channel"} | settings
    return Option(technique="codes", settings=settings, stored_bytes=0)


def rows_of(site: Site, *, count=500, seed=1) -> np.ndarray:
    """Return rows, shape (G, P, K), of unequal power, correlated, their means not zero."""
    length = site.elements // site.shape[site.channel_axis]
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((site.groups, count, length))
    mixed += 2 * rng.standard_normal((site.groups, count, 2)) @ rng.standard_normal((2, length))
    mixed += rng.standard_normal(length)
    return (mixed * rng.exponential(1, length)).astype(np.float32)


def calibration(site: Site, rows: np.ndarray, *repair) -> Calibration:
    """Return what is known of a site whose inputs are these rows and no others."""
    x = rows.astype(np.float64)
    mean = x.mean(axis=1)
    centred = x - mean[:, None]
    covariance = centred.swapaxes(1, 2) @ centred / rows.shape[1]
    moments = InputMoments(mean=mean.astype("f"), covariance=covariance.astype("f"))
    return Calibration(site=site, moments=moments, repair=frozenset(repair))


def outputs(site: Site, weight: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the outputs of each row, shape (G, P, O)."""
    matrices = to_rows(weight, channel_axis=site.channel_axis, groups=site.groups)
    return rows.astype(np.float64) @ matrices.swapaxes(1, 2).astype(np.float64)


class CountedCodes(Codes):
    """Codes that note what they were asked to encode."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self.asked: list[tuple[str, int]] = []

    def encode(self, weight, site, option, calibration=None):
        self.asked.append((site.name, option.settings["bits"]))
        return super().encode(weight, site, option, calibration)
