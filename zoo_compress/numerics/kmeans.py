"""Weighted k-means in one dimension, on a histogram: it takes no longer for more values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Doubles = npt.NDArray[np.float64]

# Cells are cut at the edges of these bins: 256 centres have 64 bins each.
BINS = 1 << 14
# Bins that are taken together where the density of the values is estimated.
BINS_PER_DENSITY = 64
# Centres are first sought with cells that end at the edges of this many bins.
COARSE_BINS = 256
# That takes a time proportional to the number of centres, 4 ms for 64 of them.
MOST_EXACT = 64
# On Gaussian and Laplacian weights, ten times as many lower the error by less than 0.01 %.
LLOYD_STEPS = 100
# Of the range of the values: centres that move less than a tenth of a bin have settled.
SETTLED = 0.1 / BINS


@dataclass(frozen=True, eq=False)
class Histogram:
    """Weighted values, summed in bins of equal width.

    Attributes:
        low: Left edge of the first bin.
        width: Of a bin.
        weight: Sum of the weights in each bin, shape (BINS,).
        moment: Sum of weights times values in each bin, shape (BINS,).
    """

    low: float
    width: float
    weight: Doubles
    moment: Doubles

    @cached_property
    def means(self) -> Doubles:
        """Mean value of each bin that holds any, ascending."""
        used = self.weight > 0
        return self.moment[used] / self.weight[used]

    def cells(self, centres: Doubles) -> tuple[Doubles, Doubles]:
        """Return the weight, and the sum of weights times values, in the cell of each centre.

        Args:
            centres: Ascending.
        """
        middles = (centres[1:] + centres[:-1]) * (0.5 / self.width) - self.low / self.width
        edges = np.empty(len(centres) + 1, np.int64)
        edges[0], edges[-1] = 0, BINS
        edges[1:-1] = np.minimum(np.maximum(np.rint(middles), 0), BINS)
        weight, moment = (sums[edges] for sums in self._sums)
        return weight[1:] - weight[:-1], moment[1:] - moment[:-1]

    def explained(self, centres: Doubles) -> float:
        """Return by how much centres at the means of their cells lower the squared error."""
        weight, moment = self.cells(centres)
        return float(np.sum(_quotient(moment**2, weight)))

    @cached_property
    def _sums(self) -> tuple[Doubles, Doubles]:
        """Sums of both over all bins before each edge."""
        weight, moment = (np.concatenate([[0], np.cumsum(a)]) for a in (self.weight, self.moment))
        return weight, moment


def histogram(blocks: Iterable[tuple[Array, Array]], *, low: float, high: float) -> Histogram:
    """Return the histogram of values in a range.

    Args:
        blocks: Values, and their weights, broadcastable to them and not negative. Blocks that
            fit the cache are faster than larger ones.
        low: At most the least value.
        high: At least the largest value.
    """
    width = (high - low) / BINS if high > low else 1.0
    weight, moment = np.zeros(BINS), np.zeros(BINS)
    for x, weights in blocks:
        bins = ((x - low) / width).astype(np.int32).clip(0, BINS - 1).reshape(-1)
        weight += np.bincount(bins, np.broadcast_to(weights, x.shape).reshape(-1), BINS)
        moment += np.bincount(bins, (weights * x).reshape(-1), BINS)
    return Histogram(low=low, width=width, weight=weight, moment=moment)


def weighted_kmeans(values: Histogram, *, entries: int, start: Doubles | None = None) -> Doubles:
    """Return centres that make the sum of weights times (x - nearest centre)^2 small.

    Lloyd's algorithm (S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on
    Information Theory 28, 1982, method I). Cells end at the edges of bins; centres are the exact
    means of their cells. Values in no more bins than there are centres are met exactly. Up
    to 64 centres start where they would be best if cells had to end at the edges of 256 bins.

    Args:
        values: The values and their weights.
        entries: Number of centres, at least 1.
        start: Centres to start from, ascending, shape (entries,).

    Returns:
        Ascending centres, shape (entries,); 0 if no value has a weight.
    """
    means = values.means if len(values.means) else np.zeros(1)
    if len(means) <= entries:
        return np.pad(means, (0, entries - len(means)), mode="edge")
    if start is not None:
        return _lloyd(values, start)
    found = [_lloyd(values, centres) for centres in _starts(values, entries)]
    return found[0] if len(found) == 1 else max(found, key=values.explained)


def nearest_code(units: npt.NDArray[Any], centres: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the index of the nearest centre for each number; halfway, the lower one.

    Args:
        units: Any shape.
        centres: Ascending, shape (entries,).
    """
    wide = centres.astype(np.float32)
    codes: npt.NDArray[np.int64] = np.searchsorted((wide[1:] + wide[:-1]) / 2, units)
    return codes


def _lloyd(values: Histogram, centres: Doubles) -> Doubles:
    """Move centres to the means of their cells until they stay; those of empty cells stay."""
    for _ in range(LLOYD_STEPS):
        weight, moment = values.cells(centres)
        moved = np.sort(np.where(weight > 0, _quotient(moment, weight), centres))
        shift = np.abs(moved - centres).max()
        centres = moved
        if shift <= SETTLED * BINS * values.width:
            break
    return centres


def _starts(values: Histogram, entries: int) -> list[Doubles]:
    """Return the best centres of coarse bins, or, of many, several sets to choose from.

    Those are centres at equal distances, and centres as dense as the cube root of the density of
    the values, which is best in the limit of many centres (P. F. Panter and W. Dite,
    "Quantization distortion in pulse-count modulation with nonuniform spacing of levels",
    Proceedings of the IRE 39, 1951): with the density taken from many bins at once, and, for few
    values, from each bin.
    """
    fine = _companded(values.weight)
    if entries <= MOST_EXACT:
        return [_best_centres(*_coarse(values, fine), entries)]
    smooth = _companded(values.weight.reshape(-1, BINS_PER_DENSITY).sum(axis=1))
    shares = (np.arange(entries) + 0.5) / entries
    positions = [np.interp(shares, a, np.linspace(0, 1, len(a))) for a in (smooth, fine)]
    return [values.low + values.width * BINS * position for position in (shares, *positions)]


def _companded(weight: Doubles) -> Doubles:
    """Return the cube roots of weights, summed up to each edge, as shares of all."""
    filled = np.concatenate([[0], np.cumsum(np.cbrt(weight))])
    shares: Doubles = filled / filled[-1]
    return shares


def _coarse(values: Histogram, filled: Doubles) -> tuple[Doubles, Doubles]:
    """Return the sums of weights, and of weights times values, in fewer bins; empty ones left out.

    Args:
        values: In fine bins.
        filled: Which share of the new bins lies below each edge of these, shape (BINS + 1,).
    """
    coarse = (filled[1:] * COARSE_BINS).astype(np.int64).clip(0, COARSE_BINS - 1)
    weight, moment = np.zeros(COARSE_BINS), np.zeros(COARSE_BINS)
    np.add.at(weight, coarse, values.weight)
    np.add.at(moment, coarse, values.moment)
    return weight[weight > 0], moment[weight > 0]


def _best_centres(weight: Doubles, moment: Doubles, entries: int) -> Doubles:
    """Return the centres of the least squared error whose cells consist of whole bins.

    By dynamic programming: the best cells up to a bin are the best cells, one less, up to an
    earlier bin, and a last one.

    Args:
        weight: Sum of the weights in each bin, positive, shape (n,).
        moment: Sum of weights times values in each bin, shape (n,).
        entries: Number of centres.
    """
    sums = [np.concatenate([[0], np.cumsum(a)]) for a in (weight, moment)]
    weights, moments = (total - total[:, None] for total in sums)
    # By how much a cell from bin i up to bin j lowers the error; an empty cell lowers it by 0.
    lowered = np.where(weights < 0, -np.inf, _quotient(moments**2, weights))
    best, origins = lowered[0], []
    for _ in range(entries - 1):
        reached = best[:, None] + lowered
        origins.append(reached.argmax(axis=0))
        best = reached.max(axis=0)
    edges = [len(weight)]
    for origin in reversed(origins):
        edges.append(int(origin[edges[-1]]))
    cuts = np.unique([0, *edges])
    means = np.diff(sums[1][cuts]) / np.diff(sums[0][cuts])
    return np.pad(means, (0, entries - len(means)), mode="edge")


def _quotient(total: Doubles, weight: Doubles) -> Doubles:
    return np.divide(total, weight, out=np.zeros_like(weight), where=weight > 0)
