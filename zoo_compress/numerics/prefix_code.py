"""Levels for a prefix code: short codes for the many small weights, longer ones for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.kmeans import histogram, nearest_code, weighted_kmeans
from zoo_compress.numerics.uniform import SMALLEST_STEP

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]

# Fits of the levels to the steps and of the steps to the levels, in turn.
ALTERNATIONS = 3
# A fitted step further away than this factor belongs to a channel that hardly uses its levels.
LARGEST_RATIO = 2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class PrefixLevels:
    """Levels of short and of long codes.

    Attributes:
        short: Levels near 0, ascending, shape (2^s - 1,): one code of s bits is the escape.
        long: Levels beyond them, ascending, shape (2^l,).
        cut: Numbers of a larger magnitude have a long code, whichever level is nearest: a short
            one costs less.
    """

    short: Floats
    long: Floats
    cut: float

    @cached_property
    def all(self) -> Floats:
        """All levels, ascending."""
        return np.concatenate([self.short, self.long])[self._order]

    @cached_property
    def is_long(self) -> npt.NDArray[np.bool_]:
        """Whether each of `all` is a level of the long codes."""
        found: npt.NDArray[np.bool_] = self._order >= len(self.short)
        return found

    @cached_property
    def edges(self) -> Floats:
        """Where the numbers end that each of `all` but the last stands for, ascending."""
        levels, is_long = self.all, self.is_long
        middles = (levels[1:] + levels[:-1]) / 2
        changes = is_long[1:] != is_long[:-1]
        cuts = np.float32(self.cut) * np.sign(middles)
        between = np.clip(cuts, levels[:-1], levels[1:])
        found: Floats = np.where(changes, between, middles)
        return found

    @cached_property
    def numbers(self) -> Codes:
        """The index of each of `all` among its own, short or long."""
        found: Codes = np.where(self.is_long, self._order - len(self.short), self._order)
        return found

    def nearest_short(self, codes: Codes) -> Codes:
        """Return the index into `all` of the short level that is nearest to that of each code."""
        short = np.flatnonzero(~self.is_long)
        found: Codes = short[nearest_code(self.all, self.all[short])][codes]
        return found

    @cached_property
    def _order(self) -> Codes:
        return np.argsort(np.concatenate([self.short, self.long]), kind="stable")


def fit_prefix_levels(
    W: Floats, *, short_bits: int, further_bits: int, share: float
) -> tuple[PrefixLevels, Floats]:
    """Find levels and steps of channels that make the squared error of weights small.

    In units of the step of its channel, at first the root mean square, a weight has a long code
    if it is among the largest in magnitude. Levels of both kinds are k-means centres; then steps
    and levels are fitted in turn, each to the other. The result is a local optimum.

    Args:
        W: Weights, one channel to a row, shape (channels, K), magnitudes at most 1.
        short_bits: Bits of a short code, at least 1.
        further_bits: Bits that a long code has more.
        share: Share of the weights with a long code, above 0 and below 1.

    Returns:
        (levels, s): the largest magnitude among the levels 1, all of them float16 numbers, and
        steps, shape (channels,), so that W_ij is near s_i times a level. A channel of zeros has
        step 0.
    """
    step = np.sqrt(np.mean(np.square(W), axis=1, dtype=np.float64)).astype(np.float32)
    step = np.where(step > SMALLEST_STEP, step, np.float32(0))
    levels = _levels(W, step, short_bits, further_bits, share)
    for _ in range(ALTERNATIONS):
        step = _refitted(W, step, levels)
        levels = _levels(W, step, short_bits, further_bits, share, near=levels)
    unit, largest = _scaled(levels)
    return unit, _refitted(W, step * largest, unit)


def _scaled(levels: PrefixLevels) -> tuple[PrefixLevels, np.float32]:
    """Return the levels as float16 multiples of the largest, and that one."""
    largest = np.float32(np.abs(levels.all).max()) or np.float32(1)
    short, long = (
        (part / largest).astype(np.float16).astype(np.float32)
        for part in (levels.short, levels.long)
    )
    return PrefixLevels(short=short, long=long, cut=levels.cut / float(largest)), largest


def _levels(
    W: Floats,
    step: Floats,
    short_bits: int,
    further_bits: int,
    share: float,
    near: PrefixLevels | None = None,
) -> PrefixLevels:
    """Return levels for weights in units of their steps.

    Where levels are known that will be near, those are where k-means starts: the result is as
    good, and its starts take longer than the rest of it.
    """
    short, long = (None, None) if near is None else (near.short, near.long)
    units = _in_steps(W, step)
    weights = np.broadcast_to(np.square(step)[:, None], W.shape)
    sizes = np.abs(units)
    place = min(int((1 - share) * sizes.size), sizes.size - 1)
    cut = float(np.partition(sizes, place, axis=None)[place])
    is_long = sizes > np.float32(cut)
    return PrefixLevels(
        short=_centres(units[~is_long], weights[~is_long], (1 << short_bits) - 1, short),
        long=_outer_centres(units[is_long], weights[is_long], 1 << further_bits, long),
        cut=cut,
    )


def _in_steps(W: Floats, step: Floats) -> Floats:
    """Return weights in units of the steps of their channels; 0 where that is 0."""
    return np.divide(W, step[:, None], out=np.zeros_like(W), where=step[:, None] != 0)


def _outer_centres(units: Floats, weights: Floats, entries: int, near: Floats | None) -> Floats:
    """Return centres of numbers on both sides of a gap, on each side by what lies there.

    One run of k-means on all of them would leave centres in the gap.
    """
    below = units < 0
    share = float(np.mean(below)) if below.size else 0.5
    fewest, most = int(below.any()), entries - int((~below).any())
    left = min(max(round(share * entries), fewest), most)
    starts = (None, None) if near is None else (near[near < 0], near[near >= 0])
    sides = zip((below, ~below), (left, entries - left), starts, strict=True)
    return np.concatenate([_centres(units[at], weights[at], n, s) for at, n, s in sides if n])


def _centres(units: Floats, weights: Floats, entries: int, near: Floats | None) -> Floats:
    low, high = float(units.min(initial=0)), float(units.max(initial=0))
    values = histogram([(units, weights)], low=low, high=high)
    start = near.astype(np.float64) if near is not None and len(near) == entries else None
    return weighted_kmeans(values, entries=entries, start=start).astype(np.float32)


def _refitted(W: Floats, step: Floats, levels: PrefixLevels) -> Floats:
    """Return the least-squares steps for the levels that the weights have."""
    units = _in_steps(W, step)
    found = levels.all[np.searchsorted(levels.edges, units)]
    power, match = np.sum(found * found, axis=1), np.sum(found * units, axis=1)
    ratio = np.divide(match, power, out=np.ones_like(step), where=power > 0)
    refitted: Floats = step * ratio.clip(1 / LARGEST_RATIO, LARGEST_RATIO)
    return refitted
