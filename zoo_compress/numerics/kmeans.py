"""Weighted k-means in one dimension, on a histogram: it takes no longer for more values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

# Cells are cut at the edges of these bins: 256 centres have 64 bins each.
BINS = 1 << 14
# Bins that are taken together where the density of the values is estimated.
BINS_PER_DENSITY = 64
# Centres are first sought with cells that end at the edges of this many bins.
COARSE_BINS = 256
# That takes a time proportional to the number of centres, 4 ms for 64 of them.
MOST_EXACT = 64
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

    def explained(self, centres: Doubles) -> float:
        """Return by how much centres at the means of their cells lower the squared error.

        Args:
            centres: Ascending.
        """
        middles = (centres[1:] + centres[:-1]) * (0.5 / self.width) - self.low / self.width
        edges = np.empty(len(centres) + 1, np.int64)
        edges[0], edges[-1] = 0, BINS
        edges[1:-1] = np.minimum(np.maximum(np.rint(middles), 0), BINS)
        weight, moment = (np.diff(sums[edges]) for sums in self.sums)
        return float(np.sum(_quotient(moment**2, weight)))

    @cached_property
    def sums(self) -> tuple[Doubles, Doubles]:
        """Sums of both over all bins before each edge."""
        # Imported late: it takes long.
        from zoo_compress.numerics.compiled.kmeans import add_up

        found = np.empty((2, len(self.weight) + 1))
        add_up(self.weight, self.moment, *found)
        return found[0], found[1]


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
    if np.count_nonzero(values.weight) <= entries:
        means = values.means if len(values.means) else np.zeros(1)
        return np.pad(means, (0, entries - len(means)), mode="edge")
    if start is not None:
        return _lloyd(values, start)
    found = [_lloyd(values, centres) for centres in _starts(values, entries)]
    return found[0] if len(found) == 1 else max(found, key=values.explained)


def _lloyd(values: Histogram, start: Doubles) -> Doubles:
    """Move centres to the means of their cells until they stay; those of empty cells stay."""
    # Imported late: it takes long.
    from zoo_compress.numerics.compiled.kmeans import move_centres

    centres = np.array(start, np.float64)
    move_centres(centres, *values.sums, values.low, values.width, SETTLED * BINS * values.width)
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
    weight: Doubles = np.bincount(coarse, values.weight, COARSE_BINS).astype(np.float64)
    moment: Doubles = np.bincount(coarse, values.moment, COARSE_BINS).astype(np.float64)
    return weight[weight > 0], moment[weight > 0]


def _best_centres(weight: Doubles, moment: Doubles, entries: int) -> Doubles:
    """Return the centres of the least squared error whose cells consist of whole bins.

    Args:
        weight: Sum of the weights in each bin, positive, shape (n,).
        moment: Sum of weights times values in each bin, shape (n,).
        entries: Number of centres.
    """
    from zoo_compress.numerics.compiled.kmeans import best_edges

    weights, moments = (np.concatenate([[0], np.cumsum(a)]) for a in (weight, moment))
    edges = np.empty(entries + 1, np.int64)
    best_edges(weights, moments, edges)
    cuts = np.unique(edges)
    means = np.diff(moments[cuts]) / np.diff(weights[cuts])
    return np.pad(means, (0, entries - len(means)), mode="edge")


def _quotient(total: Doubles, weight: Doubles) -> Doubles:
    return np.divide(total, weight, out=np.zeros_like(weight), where=weight > 0)
