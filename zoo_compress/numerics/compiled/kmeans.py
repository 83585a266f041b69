"""k-means on a histogram: Lloyd's steps, and the best cells of whole bins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.compiled.machine_code import compiled

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# On Gaussian and Laplacian weights, ten times as many lower the error by less than 0.01 %.
LLOYD_STEPS = 100


@compiled
def add_up(weight: Doubles, moment: Doubles, weights: Doubles, moments: Doubles) -> None:
    """Add up two arrays side by side, which takes half the time of one after the other.

    Args:
        weight: Shape (bins,).
        moment: In that shape.
        weights: Filled with the sums of all before each edge, shape (bins + 1,).
        moments: The same of the other.
    """
    first, second = 0.0, 0.0
    weights[0], moments[0] = first, second
    for b in range(len(weight)):
        first += weight[b]
        second += moment[b]
        weights[b + 1], moments[b + 1] = first, second


@compiled
def move_centres(
    centres: Doubles, weights: Doubles, moments: Doubles, low: float, width: float, least: float
) -> None:
    """Move centres to the means of their cells, over and over; those of empty cells stay.

    Args:
        centres: Ascending before and after, shape (n,).
        weights: Sums of the weights in all bins before each edge, shape (bins + 1,).
        moments: The same of weights times values.
        low: The first edge.
        width: Of a bin.
        least: Goes on until no centre moves further.
    """
    last = len(weights) - 1
    for _ in range(LLOYD_STEPS):
        edge, furthest = 0, 0.0
        for c in range(len(centres)):
            next_edge, centre = last, centres[c]
            if c + 1 < len(centres):
                middle = ((centre + centres[c + 1]) / 2 - low) / width
                next_edge = max(int(np.rint(min(max(middle, 0.0), float(last)))), edge)
            weight = weights[next_edge] - weights[edge]
            if weight > 0:
                moved = (moments[next_edge] - moments[edge]) / weight
                furthest = max(furthest, abs(moved - centre))
                centres[c] = moved
            edge = next_edge
        centres.sort()
        if furthest <= least:
            break


@compiled
def best_edges(weights: Doubles, moments: Doubles, edges: Ints) -> None:
    """Find which cells of whole bins lower the squared error most, by dynamic programming.

    The best cells up to an edge are the best cells, one less, up to an earlier edge, and a last
    one. The later the edge, the later that earlier one is.

    Args:
        weights: Sums of the weights in all bins before each edge, shape (n + 1,).
        moments: The same of weights times values.
        edges: Filled with the edges of the cells, from 0 to n, shape (cells + 1,).
    """
    cells, count = len(edges) - 1, len(weights)
    lowered = _lowered(weights, moments)
    best, reached = lowered[0].copy(), np.empty(count)
    origins = np.zeros((cells, count), np.int64)
    for cell in range(1, cells):
        first = 0
        for j in range(count):
            found, origin = -np.inf, first
            for i in range(first, j + 1):
                total = best[i] + lowered[i, j]
                if total > found:
                    found, origin = total, i
            first, reached[j], origins[cell, j] = origin, found, origin
        best, reached = reached, best
    edges[cells] = count - 1
    for cell in range(cells - 1, 0, -1):
        edges[cell] = origins[cell, edges[cell + 1]]
    edges[0] = 0


@compiled
def _lowered(weights: Doubles, moments: Doubles) -> Doubles:
    """Return by how much a cell from edge i to edge j lowers the error; an empty one does by 0.

    Only where j is at least i.
    """
    count = len(weights)
    found = np.zeros((count, count))
    for i in range(count):
        for j in range(i + 1, count):
            weight, moment = weights[j] - weights[i], moments[j] - moments[i]
            if weight > 0:
                found[i, j] = moment * moment / weight
    return found
