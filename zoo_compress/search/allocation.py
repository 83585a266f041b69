"""How far to go along each of several paths, so that together they save so many bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Path:
    """What each step of a path saves and costs.

    Attributes:
        saved: Bytes saved by the first steps, increasing, shape (steps,).
        error: Error after these steps, shape (steps,).
    """

    saved: Curve
    error: Curve


def allocate(paths: Sequence[Path], wanted: float) -> list[int]:
    """Return how many steps to take along each path for the least error.

    A path may get cheaper after an expensive step, so steps are taken in runs: those of the lower
    convex hull of error over bytes, cheapest per byte first. Of the last run only so many steps
    are taken as are needed. Paths do not go beyond what is wanted, but may end before it.

    Args:
        paths: The paths.
        wanted: Bytes to save.
    """
    runs = []
    for number, path in enumerate(paths):
        saved = np.concatenate([[0.0], path.saved])
        error = np.concatenate([[0.0], path.error])
        corners = hull(saved, error)
        for start, end in pairwise(corners):
            slope = (error[end] - error[start]) / (saved[end] - saved[start])
            runs.append((slope, number, start, end))
    steps, total = [0] * len(paths), 0.0
    for _, number, start, end in sorted(runs):
        saved = np.concatenate([[0.0], paths[number].saved])
        # A run begins only where the one before it on its path was taken whole.
        if steps[number] != start:
            continue
        affordable = int(np.searchsorted(saved, saved[start] + wanted - total, side="right")) - 1
        steps[number] = min(affordable, end)
        total += saved[steps[number]] - saved[start]
    return steps


def hull(x: Curve, y: Curve) -> list[int]:
    """Return the corners of the lower convex hull of a curve, first and last point included.

    Args:
        x: Strictly increasing, shape (n,).
        y: Shape (n,).
    """
    corners = list[int]()
    for point in range(len(x)):
        while len(corners) > 1:
            a, b = corners[-2:]
            above = (y[b] - y[a]) * (x[point] - x[a]) >= (y[point] - y[a]) * (x[b] - x[a])
            if not above:
                break
            corners.pop()
        corners.append(point)
    return corners
