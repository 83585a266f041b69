"""Codebooks: centres that all weights share after each channel is divided by a step of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.kmeans import Histogram, histogram, nearest_code, weighted_kmeans
from zoo_compress.numerics.uniform import SMALLEST_STEP

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# Fractions of a channel's extreme weight that are tried as its step. A negative one exchanges the
# ends of the codebook, which need not be symmetric. Without them, 4 to 16 centres leave 1 to 4 %
# more error in Gaussian and Laplacian weights, more centres 0 to 7 %.
STEP_FRACTIONS = (0.9, 0.8, 0.7, 0.6, 0.5, -0.6, -0.8, -1.0)
# Refits of steps and centres in turn. Twice as many lower the error by up to 1 %, and with 128
# centres or more for channels of 9 weights by up to 7 %.
ALTERNATIONS = 2
# Entries of the table of nearest centres while fitting: 256 centres have 64 entries each.
TABLE = 1 << 14
# A fitted step further away than this factor belongs to a channel that hardly uses its centres.
LARGEST_RATIO = 2.0
# Weights that are looked at in one go: their temporary arrays stay in the cache.
BLOCK = 1 << 16


def fit_codebook(
    W: Floats, *, entries: int, importance: Floats | None = None
) -> tuple[Doubles, Floats]:
    """Find centres and steps of channels that make the squared error of weights small.

    Each step starts at the extreme weight of its channel, sign included, and takes the best of
    several fractions of it. Then steps and centres are fitted in turn, each to the other. The
    result is a local optimum.

    Args:
        W: Weights, one channel to a row, shape (channels, K), magnitudes at most 1.
        entries: Number of centres, 2 to 256.
        importance: Weights of the squared errors, shape (channels, K), not negative; all errors
            count the same by default.

    Returns:
        (c, s): ascending centres, shape (entries,), the largest magnitude among them 1, and steps,
        shape (channels,), so that W_ij is near s_i times a centre. Channels 2^-60 times as large
        as the largest weight that is allowed have step 0; if all have, so are the centres.

    Raises:
        ValueError: If entries is outside 2..256.
    """
    if not 2 <= entries <= 256:
        raise ValueError(f"entries must be 2 to 256, not {entries}")
    fit = _Fit(W, importance)
    step = fit.extremes
    centres = weighted_kmeans(fit.units(step), entries=entries)
    step = fit.best_fraction(step, centres)
    for _ in range(ALTERNATIONS):
        step = fit.refitted(step, centres)
        centres = weighted_kmeans(fit.units(step), entries=entries, start=centres)
    largest = max(-centres[0], centres[-1])
    unit = centres / largest if largest > 0 else centres
    return unit, fit.refitted(step * np.float32(largest), unit)


def code_bits(entries: int) -> int:
    """Return how many bits number that many centres."""
    return (entries - 1).bit_length()


@dataclass(frozen=True)
class _Fit:
    """Weights, and what fits centres or steps to them."""

    W: Floats
    importance: Floats | None

    @cached_property
    def extremes(self) -> Floats:
        """The weight of the largest magnitude in each channel."""
        least, largest = self._ends
        extreme = np.where(-least > largest, least, largest)
        found: Floats = np.where(np.abs(extreme) > SMALLEST_STEP, extreme, np.float32(0))
        return found

    def units(self, step: Floats) -> Histogram:
        """Return the weights in units of their steps; errors count as they do in the weights."""
        ends = [
            np.divide(end, step, out=np.zeros_like(step), where=step != 0) for end in self._ends
        ]
        relative = step / max(float(np.abs(step).max(initial=0)), float(np.finfo("f").tiny))
        blocks = (
            (units, shares * np.square(relative[rows, None]))
            for rows, units, shares in self._blocks(step)
        )
        low, high = float(np.min(ends, initial=0)), float(np.max(ends, initial=0))
        return histogram(blocks, low=low, high=high)

    def best_fraction(self, step: Floats, centres: Doubles) -> Floats:
        """Return the fraction of each step with which its channel has the least error."""
        best, least = step, self._error(step, centres)
        for fraction in STEP_FRACTIONS:
            tried = np.float32(fraction) * step
            error = self._error(tried, centres)
            best = np.where(error < least, tried, best)
            least = np.minimum(error, least)
        return best

    def refitted(self, step: Floats, centres: Doubles) -> Floats:
        """Return the least-squares steps for the centres that the weights are nearest to."""
        nearest = _Levels(centres)
        power, match = np.zeros_like(step), np.zeros_like(step)
        for rows, units, shares in self._blocks(step):
            levels = nearest(units)
            weighted = shares * levels
            power[rows] = np.sum(weighted * levels, axis=1)
            match[rows] = np.sum(weighted * units, axis=1)
        ratio = np.divide(match, power, out=np.ones_like(power), where=power > 0)
        found: Floats = step * ratio.clip(1 / LARGEST_RATIO, LARGEST_RATIO)
        return found

    def _error(self, step: Floats, centres: Doubles) -> Floats:
        nearest = _Levels(centres)
        error = np.zeros_like(step)
        for rows, units, shares in self._blocks(step):
            squares = shares * np.square(nearest(units) - units)
            error[rows] = np.square(step[rows]) * np.sum(squares, axis=1)
        return error

    @cached_property
    def _ends(self) -> tuple[Floats, Floats]:
        """The least and the largest weight of each channel, or 0 where those lie beyond it."""
        if self.importance is None:
            return self.W.min(axis=1, initial=0), self.W.max(axis=1, initial=0)
        counted = np.where(self.importance > 0, self.W, np.float32(0))
        return counted.min(axis=1, initial=0), counted.max(axis=1, initial=0)

    def _blocks(self, step: Floats) -> Iterator[tuple[slice, Floats, Floats]]:
        """Yield some channels, their weights in units of their steps, and the importance."""
        count = max(BLOCK // max(self.W.shape[1], 1), 1)
        inverse = np.divide(1, step, out=np.zeros_like(step), where=step != 0)
        for start in range(0, len(self.W), count):
            rows = slice(start, start + count)
            units = self.W[rows] * inverse[rows, None]
            shares = (
                np.ones((1, 1), np.float32) if self.importance is None else self.importance[rows]
            )
            yield rows, units, shares


class _Levels:
    """The centres that are nearest to numbers, up to one place in a table."""

    def __init__(self, centres: Doubles) -> None:
        self._low = centres[0]
        self._places = (TABLE - 1) / max(centres[-1] - centres[0], SMALLEST_STEP)
        places = self._low + np.arange(TABLE) / self._places
        self._table = centres.astype(np.float32)[nearest_code(places, centres)]

    def __call__(self, units: Floats) -> Floats:
        places = (units - np.float32(self._low)) * np.float32(self._places)
        found: Floats = self._table[np.rint(places).clip(0, TABLE - 1).astype(np.int32)]
        return found
