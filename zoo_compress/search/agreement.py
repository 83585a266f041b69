"""Which distance goes with which share of changed answers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

# Before anything is measured: on ImageNet classifiers with packed codes a relative distance of
# 0.016 changes 2.4 % of the top answers and one of 0.19 changes 10 %.
SHARE_PER_ROOT_DISTANCE = 0.2
PRIOR_POINTS = 9
WEIGHT_OF_A_PRIOR_POINT = 0.5


def distance_at_disagreement(
    share: float, found: Sequence[tuple[float, float]], *, scale: float
) -> float:
    """Return the distance at which the share of changed top answers is expected.

    An isotonic regression of the share on the log distance over the trials, joined by a few
    points of the usual relation between the two, which fade as trials come in.

    Args:
        share: Share of changed answers, in (0, 1).
        found: Distance and share of each trial, distances positive.
        scale: Variance of the original's outputs, in the unit of the distances.

    Returns:
        A positive distance.
    """
    # sklearn takes half a second to import, and most searches never come here.
    from sklearn.isotonic import IsotonicRegression

    usual = scale * (share / SHARE_PER_ROOT_DISTANCE) ** 2
    prior = usual * np.geomspace(1 / 16, 16, PRIOR_POINTS)
    expected = np.minimum(SHARE_PER_ROOT_DISTANCE * np.sqrt(prior / scale), 1.0)
    logs = np.log([*prior, *(distance for distance, _ in found)])
    shares = [*expected, *(observed for _, observed in found)]
    weights = [WEIGHT_OF_A_PRIOR_POINT] * PRIOR_POINTS + [1.0] * len(found)
    fitted = IsotonicRegression(out_of_bounds="clip").fit(logs, shares, sample_weight=weights)
    grid = np.linspace(logs.min(), logs.max(), 400)
    shares_on_grid = fitted.predict(grid)
    allowed = grid[shares_on_grid <= share]
    if allowed.size:
        return math.exp(float(allowed[-1]))
    # Below all that is known the usual relation leads on, so that no trial counts as close.
    return math.exp(float(grid[0])) * float(share / shares_on_grid[0]) ** 2
