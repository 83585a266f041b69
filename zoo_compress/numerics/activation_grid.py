"""The range of a tensor that 256 levels are spread over: what to cut off, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.histogram import Histogram

Vector = npt.NDArray[np.float64]
RangeMethod = Literal["min-max", "percentile", "mse", "mean-power", "entropy"]

# Of all numbers, what `percentile` keeps between its bounds.
KEPT = 0.9999
# The power of errors whose mean `mse` and `mean-power` make least. With 2, 2.4, 3 and 4 and with
# `min-max` the distances of ResNet-50 were 0.0090, 0.0051, 0.0045, 0.0062 and 0.0055; with 2, 2.4,
# 3 and `min-max` those of EfficientNet-Lite0 0.0029, 0.0029, 0.0032 and 0.0037; with 2, 2.4 and
# `min-max` those of MiniLM-L6 0.0028, 0.0030 and 0.0034.
POWERS: Mapping[str, float] = {"mse": 2.0, "mean-power": 2.4}
# Shares of the largest magnitude that all but the first two methods try as bounds.
SHARES = np.linspace(1.0, 0.2, 65)
# Levels on a side that `entropy` compares with, as TensorRT's calibration does.
ENTROPY_LEVELS = 128
ENTROPY_BINS = 2048


@dataclass(frozen=True, kw_only=True)
class ActivationGrid:
    """Levels scale * (code - zero) for codes from `least` to `least` + 255.

    Attributes:
        scale: Step size, positive.
        zero: The code that stands for 0.
        least: The least code: 0 for unsigned codes, -128 for signed ones.
    """

    scale: np.float32
    zero: int
    least: int

    def rounded(self, values: Vector) -> Vector:
        """Return the nearest levels."""
        codes = np.rint(values / np.float64(self.scale)) + self.zero
        levels: Vector = (codes.clip(self.least, self.least + 255) - self.zero) * float(self.scale)
        return levels

    def squared_error(self, histogram: Histogram) -> float:
        """Return the mean squared error of rounding the numbers of a histogram."""
        return self.mean_error(histogram, power=2.0)

    def mean_error(self, histogram: Histogram, *, power: float) -> float:
        """Return the mean of a power of the magnitudes of these errors."""
        total = float(histogram.counts.sum())
        errors = np.abs(self.rounded(histogram.centres) - histogram.centres) ** power
        return float(histogram.counts @ errors) / total if total else 0.0


def activation_grid(
    histogram: Histogram, method: RangeMethod, *, symmetric: bool = False
) -> ActivationGrid:
    """Choose the levels for the numbers of a tensor. 0 always is one of them.

    - `min-max`: from the least to the largest number;
    - `percentile`: so that 0.01 % of the numbers are cut off, half of that at each end;
    - `mse`: the bounds with the least mean squared error, of those that are shares of the least
      and the largest number;
    - `mean-power`: of those bounds the ones with the least mean of |error|^2.4, so that what is
      cut off counts for more: errors of rounding take each other back in sums, while large numbers
      that are cut off are all changed in one direction;
    - `entropy`: the bounds that lose least information, measured by the Kullback-Leibler
      divergence of the distribution on the levels (S. Migacz, 8-bit Inference with TensorRT,
      2017).

    Args:
        histogram: The numbers.
        method: How to choose.
        symmetric: Levels -127 to 127 around 0, as GPUs want them, instead of 256 from the lower to
            the upper bound.
    """
    low, high = min(histogram.low, 0.0), max(histogram.high, 0.0)
    if method == "percentile":
        low, high = _percentiles(histogram, low, high)
    elif method in POWERS:
        power = POWERS[method]
        low, high = _least_error(histogram, low, high, power=power, symmetric=symmetric)
    elif method == "entropy":
        share = _least_divergence(histogram, max(-low, high))
        low, high = max(low, -share), min(high, share)
    return grid_between(low, high, symmetric=symmetric)


def grid_between(low: float, high: float, *, symmetric: bool = False) -> ActivationGrid:
    """Return the levels between two bounds, of which one is at most and one at least 0.

    A range of nothing but 0 gets the step size 1.
    """
    if symmetric:
        scale = _step(max(-low, high) / 127)
        return ActivationGrid(scale=scale, zero=0, least=-128)
    scale = _step((high - low) / 255)
    zero = int(np.clip(np.rint(-low / float(scale)), 0, 255))
    return ActivationGrid(scale=scale, zero=zero, least=0)


def _step(length: float) -> np.float32:
    step = np.float32(length)
    return step if step > np.finfo(np.float32).tiny else np.float32(1)


def _percentiles(histogram: Histogram, low: float, high: float) -> tuple[float, float]:
    share = np.cumsum(histogram.counts) / histogram.counts.sum()
    tail = (1 - KEPT) / 2
    first = int(np.searchsorted(share, tail))
    last = int(np.searchsorted(share, 1 - tail))
    last = min(last, len(share) - 1)
    lower, upper = histogram.centres[first], histogram.centres[last]
    return max(low, min(float(lower), 0.0)), min(high, max(float(upper), 0.0))


def _least_error(
    histogram: Histogram, low: float, high: float, *, power: float, symmetric: bool
) -> tuple[float, float]:
    """Cut both ends by the same share, then each by itself."""

    def error(bounds: tuple[float, float]) -> float:
        return grid_between(*bounds, symmetric=symmetric).mean_error(histogram, power=power)

    both = min(((low * s, high * s) for s in SHARES), key=error)
    upper = min(((both[0], high * s) for s in SHARES), key=error)
    lower = min(((low * s, upper[1]) for s in SHARES), key=error)
    return min((both, upper, lower), key=error)


def _least_divergence(histogram: Histogram, largest: float) -> float:
    """Return the bound on magnitudes with the least divergence."""
    if largest <= 0:
        return 0.0
    edges = np.linspace(0, largest, ENTROPY_BINS + 1)
    counts, _ = np.histogram(np.abs(histogram.centres), edges, weights=histogram.counts)
    # Behind a Relu most numbers are 0, which every grid holds; they would outweigh all others.
    counts[0] = min(counts[0], counts[1])
    stops = np.arange(ENTROPY_LEVELS, ENTROPY_BINS + 1, ENTROPY_LEVELS // 8)
    divergences = [_divergence(counts, int(stop)) for stop in stops]
    return float(edges[stops[int(np.argmin(divergences))]])


def _divergence(counts: Vector, stop: int) -> float:
    """Return the divergence of the first bins, the rest cut off, from their levels."""
    kept = counts[:stop].copy()
    kept[-1] += counts[stop:].sum()
    levels = np.arange(stop) * ENTROPY_LEVELS // stop
    filled = counts[:stop] > 0
    sums = np.bincount(levels, weights=counts[:stop], minlength=ENTROPY_LEVELS)
    filling = np.bincount(levels, weights=filled, minlength=ENTROPY_LEVELS)
    spread = np.divide(sums, filling, out=np.zeros(ENTROPY_LEVELS), where=filling > 0)[levels]
    p, q = kept / max(kept.sum(), 1), np.where(filled, spread, 0)
    q = q / max(q.sum(), 1)
    # Where the numbers cut off lie alone, the levels have next to nothing: a finite penalty.
    known = p > 0
    return float(np.sum(p[known] * np.log(p[known] / np.maximum(q[known], 1e-12))))
