"""What the finished trials say about any budget, without one new evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from zoo_compress.core import Trial
from zoo_compress.search.objective import Objective

HALVINGS = 200


def best_trial(trials: Iterable[Trial], objective: Objective, limit_bytes: int) -> Trial | None:
    """Return the trial of least loss, the earliest of equals; None if none qualifies."""
    losses = [(objective.loss(trial.measurement, limit_bytes), trial) for trial in trials]
    qualified = [(loss, trial) for loss, trial in losses if math.isfinite(loss)]
    return min(qualified, key=lambda pair: pair[0], default=(0.0, None))[1]


def pareto_front(trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials that no other beats in both size and distance, most bytes first.

    Of trials with equal size and distance, the earliest.
    """
    finite = [trial for trial in trials if math.isfinite(trial.measurement.distance)]
    front: list[Trial] = []
    for trial in sorted(finite, key=_size_then_distance):
        if not front or trial.measurement.distance < front[-1].measurement.distance:
            front.append(trial)
    return front[::-1]


def multiplier(trials: Sequence[Trial], limit_bytes: int) -> float:
    """Return the Lagrange multiplier of a byte limit: distance that one more byte would save.

    The maximum over lambda >= 0 of the least L + lambda (R - B) over the trials, by ascent on the
    cached L and R: a new multiplier re-weights what was measured and measures nothing.

    Args:
        trials: The trials, at least one of them with a finite distance.
        limit_bytes: The limit B.

    Returns:
        Lambda, in units of the distance per byte: 0 where the closest trial already fits, and
        infinity where none fits.
    """
    points = [
        (trial.measurement.stored_bytes - limit_bytes, trial.measurement.distance)
        for trial in trials
        if math.isfinite(trial.measurement.distance)
    ]
    if min(over for over, _ in points) > 0:
        return math.inf
    low, high = 0.0, 1.0
    if _slack(points, low) <= 0:
        return 0.0
    while _slack(points, high) > 0:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _slack(points, middle) > 0 else (low, middle)
    return high


def _slack(points: Sequence[tuple[int, float]], weight: float) -> int:
    """Return by how many bytes the plan that a multiplier picks exceeds the limit."""
    return min(points, key=lambda point: (point[1] + weight * point[0], point[0]))[0]


def _size_then_distance(trial: Trial) -> tuple[int, float, int]:
    found = trial.measurement
    return found.stored_bytes, found.distance, trial.number
