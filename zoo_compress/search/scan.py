"""The scan: what each option does to the outputs on its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Option, Plan, Progress, ProgressCallback, ignore_progress
from zoo_compress.runtime.evaluator import Starts
from zoo_compress.search.comparison import Comparison
from zoo_compress.search.deadline import Deadline, Turns
from zoo_compress.search.interpolation import Choice, complete
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.space import SearchSpace
from zoo_compress.search.store import TrialStore
from zoo_compress.stats.distances.base import Distance
from zoo_compress.techniques.candidates import Candidates
from zoo_compress.techniques.encoder import Encoder

Matrix = npt.NDArray[np.float64]

# Measured levels of a site: the most aggressive and, in equal steps, two above it. On
# EfficientNet-Lite0 with 2 to 8 bits the ranks of the other levels, extrapolated from these,
# agree with a full scan at Spearman 0.995.
MEASURED_LEVELS = 3
SMALLEST_STRIDE = 2
# Building a session takes time for each site, so that one for each option would take time in the
# square of their number. With about so many, an eighteenth of the weights at most are inputs of
# each: with 16 of them the forwards of EfficientNet-Lite0's scan took 7 % longer, with one for
# each of its 50 sites no less time.
SESSIONS = 24
# Encodings that are made side by side, before the first of them is measured.
ENCODED_AHEAD = 8
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
    """Return how many (site, option) pairs a scan measures if nothing cuts it short."""
    return len(scan_order(space, every=every))


@dataclass(frozen=True, kw_only=True)
class ScanGroup:
    """What a scan measures in one session.

    Attributes:
        sites: Sites that follow each other in the model and so have the same nodes before them.
        choices: Levels of these, in order.
    """

    sites: tuple[int, ...]
    choices: tuple[Choice, ...]


def scan_order(space: SearchSpace, *, every: bool = False, hurried: bool = False) -> list[Choice]:
    """Return what a scan measures, in order: its groups one after the other."""
    groups = scan_groups(space, every=every, hurried=hurried)
    return [choice for group in groups for choice in group.choices]


def scan_groups(
    space: SearchSpace, *, every: bool = False, hurried: bool = False
) -> list[ScanGroup]:
    """Return what a scan measures, in order, the sites with most of the bytes first.

    Args:
        space: The space of plans.
        every: Measure every level instead of up to three a site.
        hurried: Begin with the most aggressive level of every site, then the next level of every
            site, and so on: a scan that is cut short then knows something of every site. Without
            that a site's levels follow each other, so that a session serves all of them.
    """
    levels = [measured_levels(len(options), every=every)[::-1] for options in space.options]
    size = max(round(len(levels) / SESSIONS), 1)
    together = [range(at, min(at + size, len(levels))) for at in range(0, len(levels), size)]
    together.sort(key=lambda sites: -sum(space.sites[site].elements for site in sites))
    rounds = range(max(map(len, levels), default=0))
    parts = [[turn] for turn in rounds] if hurried else [list(rounds)]
    found = []
    for part in parts:
        for sites in together:
            choices = [
                (s, levels[s][turn]) for turn in part for s in sites if turn < len(levels[s])
            ]
            if choices:
                found.append(ScanGroup(sites=tuple(sites), choices=tuple(choices)))
    return found


@dataclass(frozen=True, kw_only=True)
class Scan:
    """Measures sensitivities.

    Attributes:
        space: The space of plans.
        encoder: Encodes the options.
        candidates: Runs them.
        distance: Compares outputs.
        indices: The samples to run.
        every: Measure every level instead of up to three a site.
    """

    space: SearchSpace
    encoder: Encoder
    candidates: Candidates
    distance: Distance
    indices: Sequence[int]
    every: bool = False

    def run(
        self,
        progress: ProgressCallback = ignore_progress,
        *,
        store: TrialStore | None = None,
        deadline: Deadline | None = None,
    ) -> Sensitivity:
        """Measure every site alone at some levels; predict the others, see `complete`.

        What the store already holds is not measured again, and the result is the same, bit for
        bit, as if it had been measured now.

        Args:
            progress: Called after each measurement.
            store: Keeps each measurement as it is made.
            deadline: When the scan must end, or None. At least one measurement is made.
        """
        errors = self._errors()
        powers = self._powers(store, deadline, progress)
        distortion = complete(np.isfinite(self.space.level_bytes), errors, powers)
        return Sensitivity(distortion=_bounded(distortion, self.space), power=self.distance.power)

    def _powers(
        self, store: TrialStore | None, deadline: Deadline | None, progress: ProgressCallback
    ) -> dict[Choice, float]:
        """Return what single options contribute to the distance; infinity for broken ones."""
        groups = scan_groups(self.space, every=self.every, hurried=deadline is not None)
        order = [choice for group in groups for choice in group.choices]
        powers = {} if store is None else store.scanned()
        turns, missing = Turns(deadline), [choice for choice in order if choice not in powers]
        for turn, (choice, candidates) in enumerate(self._running(groups, dict(powers))):
            if not turns.another(required=not powers):
                break
            if turn % ENCODED_AHEAD == 0:
                ahead = missing[turn : turn + ENCODED_AHEAD]
                self.encoder.encode_ahead([self._option(*choice) for choice in ahead])
            power = self._power(candidates, *choice)
            if store is not None:
                store.add_scanned(choice, power)
            powers[choice] = power
            progress(Progress(stage="scan", done=len(powers), total=len(order)))
        return powers

    def _running(
        self, groups: Sequence[ScanGroup], measured: Mapping[Choice, float]
    ) -> Iterator[tuple[Choice, Candidates]]:
        """Yield what is not measured yet, and what runs it.

        Which sites share a session depends neither on what is measured already nor on the order:
        the same site is measured in the same way after an interruption.
        """
        starts: Starts | None = None
        for group in groups:
            missing = [choice for choice in group.choices if choice not in measured]
            if not missing:
                continue
            names = dict.fromkeys(name for site in group.sites for name in self._changed(site))
            starts = starts or self.candidates.evaluator.starts(self.indices)
            evaluator = starts.starting_at(names)
            if len(group.sites) > 1:
                evaluator = evaluator.varying(names)
            candidates = replace(self.candidates, evaluator=evaluator)
            for choice in missing:
                yield choice, candidates

    def _option(self, site: int, level: int) -> tuple[str, Option]:
        return self.space.sites[site].name, self.space.options[site][level - 1]

    def _changed(self, site: int) -> list[str]:
        """Return the weight of a site, and its bias."""
        found = self.space.sites[site]
        return [found.name] if found.bias is None else [found.name, found.bias]

    def _power(self, candidates: Candidates, site: int, level: int) -> float:
        plan = Plan(choices=dict([self._option(site, level)]))
        comparison = Comparison(
            candidates=candidates, distance=self.distance, indices=self.indices
        )
        power = comparison.mean(plan) ** self.distance.power
        return power if np.isfinite(power) else np.inf

    def _errors(self) -> Matrix:
        """Return the error of each option by itself, see `Encoder.error`, shape (S, L)."""
        errors = np.zeros(self.space.level_bytes.shape)
        sites = zip(self.space.sites, self.space.options, strict=True)
        for row, (site, options) in zip(errors, sites, strict=True):
            row[1 : 1 + len(options)] = [self.encoder.error(site.name, o) for o in options]
        return errors


def _bounded(distortion: Matrix, space: SearchSpace) -> Matrix:
    """Replace the infinite distortion of broken options by a large one."""
    exists = np.isfinite(space.level_bytes)
    finite = np.isfinite(distortion) & exists
    largest = float(distortion[finite].max(initial=0)) or 1.0
    return np.where(exists & ~finite, BROKEN_FACTOR * largest, distortion)
