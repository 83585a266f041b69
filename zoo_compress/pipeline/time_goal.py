"""A budget of latency in a run: what plans are expected to take, and what they were seen to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from zoo_compress.core import Plan, Trial
from zoo_compress.errors import BudgetError
from zoo_compress.pipeline.stopwatch import Stopwatch
from zoo_compress.runtime.latency import Latency
from zoo_compress.search.costs import Costs, Theta
from zoo_compress.search.frontier import best_trial
from zoo_compress.search.objective import LeastDistance
from zoo_compress.search.projection import knapsack
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.site_times import TimeTable
from zoo_compress.search.space import SearchSpace
from zoo_compress.search.speed_curve import SpeedCurve

AIM = 0.98
"""Share of the budget that plans are to take by expectation: half of those that are expected to
take just the budget would miss it."""

NEAR = 0.95
"""Share of the budget above which a plan that keeps it leaves nothing more to look for."""

MOST_STEPS = 3
"""Plans of the knapsack to measure whole before the search, at most."""

MOST_MISSES = 4
"""Best plans to measure whole in the end that miss the budget, before those known to keep it."""

ANY_BYTES = 1 << 62


@dataclass(frozen=True, kw_only=True)
class TimeGoal:
    """The budget of latency, and what is known about who keeps it.

    Sites' times add up only nearly to that of a model. So the sum is a coordinate alone: what
    share of the original's time goes with it, whole models tell, the original graph and the
    fastest plan first, then plans of the knapsack near the budget.

    Attributes:
        budget: The most of the original's time, a share.
        space: The space of plans that the times are of.
        table: Times of its sites.
        stopwatch: Measures whole models, or remembers them.
        folder: The run's folder, which a message names; None if no run can go on.
        slower: Sites and labels of options that are slower than the original: no plan with one of
            them is chosen.
    """

    budget: float
    space: SearchSpace
    table: TimeTable
    stopwatch: Stopwatch
    folder: Path | None
    slower: frozenset[tuple[str, str]] = frozenset()

    @property
    def fastest(self) -> Theta:
        """The plan of the fastest option everywhere."""
        return self.table.costs(1.0).least

    @cached_property
    def ends(self) -> tuple[float, float]:
        """What share the plan that changes nothing takes, and the fastest one."""
        slowest, fastest = (self.share(theta) for theta in (self.space.largest, self.fastest))
        return slowest, fastest

    @cached_property
    def costs(self) -> Costs:
        """The times of sites, in the company that they have in a plan that just keeps the budget.

        Such a plan goes so far from the original to the fastest plan as its time does.
        """
        slowest, fastest = self.ends
        gain = slowest - fastest
        way = (slowest - self.budget) / gain if gain > 0 else 1.0
        return self.table.costs(min(max(way, 0.0), 1.0))

    def require_reachable(self) -> None:
        """Check that the fastest plan keeps the budget, or the one that changes nothing.

        Raises:
            BudgetError: If neither does; the message says what the faster of them takes.
        """
        if min(self.ends) > self.budget:
            raise self.unreachable()

    def unreachable(self) -> BudgetError:
        """Return the error for a budget that no plan keeps that was measured."""
        measured = self.stopwatch.all()
        plan, found = min(measured, key=lambda pair: pair[1].ratio)
        hint = _hint(found.ratio, self.folder)
        return BudgetError(
            f"budget latency={self.budget:g}: no plan that was measured keeps it; the fastest of "
            f"{len(measured)} takes {found.ratio:.3g} of the original's time here "
            f"({found.compressed_ms:.3g} ms instead of {found.original_ms:.3g} ms for an input), "
            f"with {len(plan.choices)} of {len(self.space.sites)} weights that have a faster form "
            f"in it. {hint}"
        )

    def share(self, theta: Theta) -> float:
        """Return what share of the original's time a plan takes, measured whole."""
        return self.stopwatch.latency(self.space.plan(theta)).ratio

    def first_curve(self, sensitivity: Sensitivity) -> tuple[SpeedCurve, tuple[Plan, ...]]:
        """Measure plans of the knapsack near the budget.

        Returns:
            What shares go with which sums of times, and the plans that were measured, those first
            that keep the budget by the least.
        """
        curve = self._curve_of_ends()
        steps = list[tuple[float, Theta]]()
        for _ in range(MOST_STEPS):
            theta = knapsack(self.costs, sensitivity.distortion, self.limit(curve))
            if any((theta == known).all() for _, known in steps):
                break
            share = self.share(theta)
            steps.append((share, theta))
            curve = curve.joined(self.costs.total(theta), share)
            if NEAR * self.budget <= share <= self.budget:
                break
        keeping = sorted((s for s in steps if s[0] <= self.budget), key=lambda step: -step[0])
        return curve, tuple(self.space.plan(theta) for _, theta in keeping[:1])

    def limit(self, curve: SpeedCurve) -> int:
        """Return what the sites of a plan may cost that is to keep the budget."""
        found = curve.limit_for(AIM * self.budget)
        return self.costs.total(self.costs.least) if found is None else found

    def corrected(self, curve: SpeedCurve, trials: Sequence[Trial]) -> SpeedCurve:
        """Measure the closest trial that is expected to keep the budget; join it to the curve.

        It depends on nothing else that was measured, so that a resumed search does the same.
        """
        limit = self.limit(curve)
        costs = {trial.number: self._cost(trial.plan) for trial in trials}
        within = [t for t in trials if (cost := costs[t.number]) is not None and cost <= limit]
        best = _closest(within)
        if best is None:
            return curve
        return curve.joined(costs[best.number] or 0, self.stopwatch.latency(best.plan).ratio)

    def best(self, trials: Iterable[Trial]) -> Trial | None:
        """Return the closest trial that keeps the budget, as far as is known yet.

        What was measured of whole models counts, and the expectation for the others.
        """
        trials = list(trials)
        curve = self._known_curve() if trials else SpeedCurve()
        return _closest([trial for trial in trials if self._keeps(trial, curve)])

    def choose(self, trials: Sequence[Trial]) -> tuple[Trial, Latency]:
        """Return the closest trial whose model was measured to keep the budget.

        Those that are expected to keep it are measured, the closest first; what misses it makes
        the expectation stricter.

        Raises:
            BudgetError: If none keeps it.
        """
        misses = 0
        while misses < MOST_MISSES:
            best = self.best(trials)
            if best is None:
                break
            found = self.stopwatch.latency(best.plan)
            if found.ratio <= self.budget:
                return best, found
            misses += 1
        known = [trial for trial in trials if self.stopwatch.known(trial.plan) is not None]
        chosen = self.best(known)
        if chosen is None:
            raise self.unreachable()
        return chosen, self.stopwatch.latency(chosen.plan)

    def _keeps(self, trial: Trial, curve: SpeedCurve) -> bool:
        if self._is_slow(trial.plan):
            return False
        found = self.stopwatch.known(trial.plan)
        if found is not None:
            return found.ratio <= self.budget
        cost = self._cost(trial.plan)
        return cost is not None and cost <= self.limit(curve)

    def _is_slow(self, plan: Plan) -> bool:
        chosen = plan.choices.items()
        return any((site, option.label) in self.slower for site, option in chosen)

    def _curve_of_ends(self) -> SpeedCurve:
        curve = SpeedCurve()
        for theta, share in zip((self.space.largest, self.fastest), self.ends, strict=True):
            curve = curve.joined(self.costs.total(theta), share)
        return curve

    def _known_curve(self) -> SpeedCurve:
        """Return the curve through all plans that were measured whole."""
        curve = self._curve_of_ends()
        for plan, found in self.stopwatch.all():
            cost = self._cost(plan)
            if cost is not None:
                curve = curve.joined(cost, found.ratio)
        return curve

    def _cost(self, plan: Plan) -> int | None:
        """Return the sum of a plan's times; None for a plan with options that were not timed."""
        try:
            return self.costs.total(self.space.theta(plan))
        except KeyError:
            return None


def _closest(trials: Sequence[Trial]) -> Trial | None:
    return best_trial(trials, LeastDistance(), ANY_BYTES)


def _hint(ratio: float, folder: Path | None) -> str:
    if ratio >= 1:
        return "Nothing is faster than the original here"
    more = f"latency={min(ratio / AIM + 0.005, 0.999):.3g}"
    if folder is None:
        return f"Allow more, such as {more}, or start a run with this budget"
    return f"`zoo-compress resume {folder} --budget {more}` goes on with what was measured"
