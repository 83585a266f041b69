"""From the options that a scan has measured to those that it has not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

Choice = tuple[int, int]
"""A site by its index and one of its levels."""


def complete(
    exists: npt.NDArray[np.bool_], errors: Matrix, measured: Mapping[Choice, float]
) -> Matrix:
    """Return the distortion of every option from those that were measured.

    Within a site, a level between two measured ones lies on the power law through them,
    distortion against the option's own error; one beyond them keeps the ratio of the two
    that the nearest has, and takes after a broken one if that is the nearest. A site without any
    measurement has the median ratio, in logarithms, of all that were measured.

    Args:
        exists: Which sites have which levels, shape (S, L). Level 0 leaves a site as it is.
        errors: Error of each option by itself, as a share of what it changes, shape (S, L);
            infinity where it is not finite.
        measured: Distortion of single options, infinity for those that break the model.

    Returns:
        Distortions, shape (S, L): 0 at level 0, infinity for options that break the model and
        where there is no level.
    """
    typical = _typical_ratio(errors, measured)
    found = np.where(exists, 0.0, np.inf)
    for site, row in enumerate(errors):
        known = {level: value for (other, level), value in measured.items() if other == site}
        for level in map(int, np.flatnonzero(exists[site, 1:]) + 1):
            found[site, level] = (
                _interpolated(row, known, level) if known else typical * row[level]
            )
    return found


def _typical_ratio(errors: Matrix, measured: Mapping[Choice, float]) -> float:
    """Return the median ratio of distortion to weight error; 1 if none is usable.

    This sets the scale of a site, not its rank: between sites at 2 bits, distortion and weight
    error correlate at Spearman -0.02, -0.04 and 0.36 on an image classifier, a text recogniser
    and a sentence encoder, and no other property of the weights did better on all three.
    """
    ratios = [
        value / errors[choice]
        for choice, value in measured.items()
        if 0 < value < np.inf and 0 < errors[choice] < np.inf
    ]
    return float(np.exp(np.median(np.log(ratios)))) if ratios else 1.0


def _interpolated(errors: Vector, known: Mapping[int, float], level: int) -> float:
    """Return the distortion of a level from the measured levels of its site."""
    if level in known:
        return known[level]
    if errors[level] == 0:
        return 0.0
    nearest = known[_nearest(errors, known, level)]
    pairs = sorted((errors[other], value) for other, value in known.items())
    usable = [pair for pair in pairs if pair[0] > 0 and 0 < pair[1] < np.inf]
    if not usable or nearest == np.inf:
        return nearest
    x, y = np.log(np.array(usable)).T
    wanted = np.log(errors[level])
    beyond = min(wanted - x[0], 0.0) + max(wanted - x[-1], 0.0)
    return float(np.exp(np.interp(wanted, x, y) + beyond))


def _nearest(errors: Vector, known: Mapping[int, float], level: int) -> int:
    """Return which measured level's weight error is nearest, as a ratio."""
    levels = sorted(known)
    logs = np.log(errors + np.finfo(float).tiny)
    with np.errstate(invalid="ignore"):
        distances = np.abs(logs[levels] - logs[level])
    # Where both errors are infinite their difference is no number; such weights are near none.
    return levels[int(np.argmin(np.where(np.isnan(distances), np.inf, distances)))]
