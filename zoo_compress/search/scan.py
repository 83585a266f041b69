"""The scan: what each option does to the outputs on its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray, Plan, Progress, ProgressCallback
from zoo_compress.runtime.evaluator import Evaluator
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.space import SearchSpace
from zoo_compress.stats.distance import OutputDistance
from zoo_compress.techniques.encoder import Encoder

Matrix = npt.NDArray[np.float64]

# Measured levels of a site: the most aggressive and, in equal steps, two above it. On
# EfficientNet-Lite0 with 2 to 8 bits the ranks of the other levels, extrapolated from these,
# agree with a full scan at Spearman 0.995.
MEASURED_LEVELS = 3
SMALLEST_STRIDE = 2
# Output changes longer than this are compressed by a count sketch, which keeps inner products
# up to a relative error of about 1 / sqrt(length).
SKETCH_LENGTH = 4096
# An option that drives outputs to infinity is worse than all others by this factor.
BROKEN_FACTOR = 1e3


def measured_levels(count: int, *, every: bool = False) -> tuple[int, ...]:
    """Return which of the levels 1 to `count` the scan measures, mild to aggressive."""
    if every:
        return tuple(range(1, 1 + count))
    stride = max(SMALLEST_STRIDE, (count - 1) // MEASURED_LEVELS)
    levels = [count - stride * step for step in range(MEASURED_LEVELS)]
    return tuple(sorted({max(level, 1) for level in levels if count}))


def scan_evaluations(space: SearchSpace, *, every: bool = False) -> int:
    """Return how many (site, option) pairs a scan measures."""
    return sum(len(measured_levels(len(options), every=every)) for options in space.options)


@dataclass(frozen=True, kw_only=True)
class Scan:
    """Measures sensitivities.

    Attributes:
        space: The space of plans.
        encoder: Encodes the options.
        evaluator: Runs them.
        distance: Compares outputs.
        indices: The samples to run.
        weights: Original weights by site.
        seed: Seed of the sketch.
        every: Measure every level instead of up to three a site.
    """

    space: SearchSpace
    encoder: Encoder
    evaluator: Evaluator
    distance: OutputDistance
    indices: Sequence[int]
    weights: dict[str, AnyArray]
    seed: int
    every: bool = False

    def run(self, progress: ProgressCallback) -> Sensitivity:
        """Measure every site alone at some levels; extrapolate the others.

        A level between two measured ones lies on the power law through them, squared norm of
        the change against squared error of the weights; one beyond them keeps the ratio of the
        two that the nearest has. Its direction is that of the nearest.
        """
        total = scan_evaluations(self.space, every=self.every)
        errors = self._weight_errors()
        distortion = np.where(np.isfinite(self.space.level_bytes), 0.0, np.inf)
        anchor = np.zeros(distortion.shape, np.int64)
        rows: list[npt.NDArray[np.float32]] = []
        for site, options in enumerate(self.space.options):
            anchors = measured_levels(len(options), every=self.every)
            first = len(rows)
            for level in anchors:
                rows.append(self._change(site, level))
                progress(Progress(stage="scan", done=len(rows), total=total))
            powers = [_power(row, len(self.indices)) for row in rows[first:]]
            for level in range(1, 1 + len(options)):
                anchor[site, level] = first + _nearest(errors[site], level, anchors)
                distortion[site, level] = _interpolated(errors[site], powers, level, anchors)
        return Sensitivity(
            distortion=_bounded(distortion, self.space), anchor=anchor, inner=self._inner(rows)
        )

    def _change(self, site: int, level: int) -> npt.NDArray[np.float32]:
        """Return the change of the outputs by one option alone, shape (n * d,)."""
        name = self.space.sites[site].name
        plan = Plan(choices={name: self.space.options[site][level - 1]})
        outputs = self.evaluator.outputs(self.encoder.dense(plan), self.indices)
        difference = self.distance.difference(outputs, self.indices)
        with np.errstate(over="ignore"):  # Changes beyond float32 are as broken as infinite ones.
            return _sketched(difference, self.seed).astype(np.float32).ravel()

    def _weight_errors(self) -> Matrix:
        """Return the squared error of the weights of each site at each level, (S, L)."""
        errors = np.zeros(self.space.level_bytes.shape)
        for site, options in enumerate(self.space.options):
            name = self.space.sites[site].name
            original = self.weights[name].astype(np.float32)
            for level, option in enumerate(options, start=1):
                dense = self.encoder.encode(name, option).dense.astype(np.float32)
                errors[site, level] = np.square(dense - original, dtype=np.float64).sum()
        return errors

    def _inner(self, rows: Sequence[npt.NDArray[np.float32]]) -> Matrix:
        changes = np.array(rows, np.float64)
        changes[~np.isfinite(changes).all(axis=1)] = 0  # A broken option has no direction.
        inner: Matrix = changes @ changes.T / len(self.indices)
        return inner


def _sketched(difference: Matrix, seed: int) -> Matrix:
    """Shorten rows by a count sketch: signed sums of randomly chosen columns."""
    length = difference.shape[1]
    if length <= SKETCH_LENGTH or not np.isfinite(difference).all():
        return difference[:, : min(length, SKETCH_LENGTH)]
    rng = np.random.default_rng(seed)
    buckets = rng.integers(0, SKETCH_LENGTH, length)
    signs = rng.choice([-1.0, 1.0], length)
    sums = [np.bincount(buckets, row * signs, SKETCH_LENGTH) for row in difference]
    return np.array(sums)


def _power(row: npt.NDArray[np.float32], samples: int) -> float:
    if not np.isfinite(row).all():
        return np.inf
    return float(np.square(row, dtype=np.float64).sum()) / samples


def _nearest(errors: npt.NDArray[np.float64], level: int, anchors: Sequence[int]) -> int:
    """Return which anchor's weight error is nearest, as a ratio."""
    if level in anchors:
        return anchors.index(level)
    tiny = np.finfo(float).tiny
    logs = np.log(errors + tiny)
    with np.errstate(invalid="ignore"):
        distances = np.abs(logs[list(anchors)] - logs[level])
    # The weights of a broken option may be NaN or infinite; it is nearest to none.
    return int(np.argmin(np.where(np.isnan(distances), np.inf, distances)))


def _interpolated(
    errors: npt.NDArray[np.float64], powers: Sequence[float], level: int, anchors: Sequence[int]
) -> float:
    """Return the squared norm of a level's change, from those of the measured levels."""
    if level in anchors:
        return powers[anchors.index(level)]
    if errors[level] == 0:
        return 0.0
    nearest = powers[_nearest(errors, level, anchors)]
    known = sorted(zip(errors[list(anchors)], powers, strict=True))
    usable = [pair for pair in known if pair[0] > 0 and 0 < pair[1] < np.inf]
    if not usable or nearest == np.inf:
        return nearest
    x, y = np.log(np.array(usable)).T
    wanted = np.log(errors[level])
    beyond = min(wanted - x[0], 0.0) + max(wanted - x[-1], 0.0)
    return float(np.exp(np.interp(wanted, x, y) + beyond))


def _bounded(distortion: Matrix, space: SearchSpace) -> Matrix:
    """Replace the infinite distortion of broken options by a large one."""
    exists = np.isfinite(space.level_bytes)
    finite = np.isfinite(distortion) & exists
    largest = float(distortion[finite].max(initial=0)) or 1.0
    return np.where(exists & ~finite, BROKEN_FACTOR * largest, distortion)
