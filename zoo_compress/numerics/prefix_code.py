"""Levels for a prefix code: short codes for the many small weights, longer ones for the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.kmeans import Histogram, weighted_kmeans
from zoo_compress.numerics.scalar_quantizer import ScalarQuantizer, nearest_level
from zoo_compress.numerics.scaled_rows import ScaledRows
from zoo_compress.numerics.uniform import SMALLEST_STEP

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

# Fits of the levels to the steps and of the steps to the levels, in turn.
ALTERNATIONS = 3
# Of more weights some rows come first, so many weights altogether, and then so many fits of the
# steps of all. Over 54 large weights of EfficientNet-Lite0 and MiniLM-L6 the errors are those of
# fits to all weights, in the median, in about half the time.
FIRST, REFITS = 1 << 16, 3


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
    def quantizer(self) -> ScalarQuantizer:
        """What rounds to `all`."""
        return ScalarQuantizer(self.all, self.edges)

    @cached_property
    def numbers(self) -> Codes:
        """The index of each of `all` among its own, short or long."""
        return np.where(self.is_long, self._order - len(self.short), self._order).astype(np.uint8)

    def nearest_short(self, codes: Codes) -> Codes:
        """Return the index into `all` of the short level that is nearest to that of each code."""
        short = np.flatnonzero(~self.is_long).astype(np.uint8)
        found: Codes = short[nearest_level(self.all[short]).codes(self.all)][codes]
        return found

    @cached_property
    def _order(self) -> Ints:
        return np.argsort(np.concatenate([self.short, self.long]), kind="stable")


def fit_prefix_levels(
    W: Floats, *, short_bits: int, further_bits: int, share: float
) -> tuple[PrefixLevels, Floats]:
    """Find levels and steps of channels that make the squared error of weights small.

    In units of the step of its channel, at first the root mean square, a weight has a long code
    if it is among the largest in magnitude. Levels of both kinds are k-means centres; then steps
    and levels are fitted in turn, each to the other, at first with some of the channels if there
    are many weights. The result is a local optimum.

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
    fit = _Fit(ScaledRows(W), short_bits, further_bits, share)
    every = max(W.size // FIRST, 1)
    first = replace(fit, rows=ScaledRows(np.ascontiguousarray(W[::every])))
    levels, fitted = first.in_turn(step[::every])
    if every == 1:
        step = fitted
    else:
        for _ in range(REFITS):
            step = fit.rows.refitted(step, levels.quantizer)
        levels = fit.levels(step, near=levels)
    unit, largest = _scaled(levels)
    return unit, fit.rows.refitted(step * largest, unit.quantizer)


def _scaled(levels: PrefixLevels) -> tuple[PrefixLevels, np.float32]:
    """Return the levels as float16 multiples of the largest, and that one."""
    largest = np.float32(np.abs(levels.all).max()) or np.float32(1)
    short, long = (
        (part / largest).astype(np.float16).astype(np.float32)
        for part in (levels.short, levels.long)
    )
    return PrefixLevels(short=short, long=long, cut=levels.cut / float(largest)), largest


@dataclass(frozen=True)
class _Fit:
    """Fits levels to weights.

    Attributes:
        rows: The weights.
        short_bits: Bits of a short code.
        further_bits: Bits that a long code has more.
        share: Share of the weights with a long code.
    """

    rows: ScaledRows
    short_bits: int
    further_bits: int
    share: float

    def in_turn(self, step: Floats) -> tuple[PrefixLevels, Floats]:
        """Return levels and steps that are fitted to each other, from these steps on."""
        levels = self.levels(step)
        for _ in range(ALTERNATIONS):
            step = self.rows.refitted(step, levels.quantizer)
            levels = self.levels(step, near=levels)
        return levels, step

    def levels(self, step: Floats, near: PrefixLevels | None = None) -> PrefixLevels:
        """Return levels for weights in units of their steps.

        Where levels are known that will be near, those are where k-means starts: the result is as
        good, and its starts take longer than the rest of it.
        """
        low, high = self.rows.range(step)
        cut = self.rows.quantile(step, 1 - self.share)
        inner, _ = self.rows.histogram(step, max(low, -cut), min(high, cut))
        short, long = (None, None) if near is None else (near.short, near.long)
        return PrefixLevels(
            short=_centres(inner, (1 << self.short_bits) - 1, short),
            long=self._outer(step, (low, high), cut, long),
            cut=cut,
        )

    def _outer(
        self, step: Floats, ends: tuple[float, float], cut: float, near: Floats | None
    ) -> Floats:
        """Return centres of weights on both sides of a gap, on each side by what lies there.

        One run of k-means on all of them would leave centres in the gap.
        """
        low, high = ends
        beyond = np.nextafter(np.float32(cut), np.float32(np.inf))
        below, left = self.rows.histogram(step, min(low, -beyond), -beyond)
        above, right = self.rows.histogram(step, beyond, max(high, beyond))
        entries = 1 << self.further_bits
        share = left / (left + right) if left + right else 0.5
        count = min(max(round(share * entries), int(left > 0)), entries - int(right > 0))
        starts = (None, None) if near is None else (near[near < 0], near[near >= 0])
        sides = zip((below, above), (count, entries - count), starts, strict=True)
        return np.concatenate([_centres(part, n, start) for part, n, start in sides if n])


def _centres(values: Histogram, entries: int, near: Floats | None) -> Floats:
    start = near.astype(np.float64) if near is not None and len(near) == entries else None
    return weighted_kmeans(values, entries=entries, start=start).astype(np.float32)
