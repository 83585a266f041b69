"""Plans at other limits, measured after the search, so that the frontier answers any budget."""

from __future__ import annotations

import math

import numpy as np

from zoo_compress.core import Plan, Strategy, Trial
from zoo_compress.search.problem import History, Problem
from zoo_compress.search.projection import knapsack


class WithLadder:
    """A strategy, and after it knapsack plans at limits that it has not looked at.

    The rungs divide the range of sizes, from the one at which every site has its mildest option
    to the smallest possible, in equal steps of log size. Rungs within half a step of a measured
    size are left out. Where time is limited, they begin one step below the original: often each
    site has one option alone.
    """

    def __init__(self, inner: Strategy, problem: Problem, *, trials: int, rungs: int) -> None:
        """Take the strategy, how many trials it has at most, and how many rungs there are."""
        self._inner = inner
        self._problem = problem
        self._trials = trials
        self._history = History(problem.space)
        largest, smallest = _ends(problem)
        above = 0 if problem.given_costs is None else 1
        limits = np.geomspace(largest, smallest, rungs + above)[above:]
        self._rungs = [int(limit) for limit in limits]
        self._half_step = 0.5 * math.log(largest / smallest) / max(rungs + above - 1, 1)

    def ask(self) -> Plan | None:
        """Return the strategy's next plan, then one rung after the other."""
        if len(self._history) < self._trials:
            plan = self._inner.ask()
            if plan is not None:
                return plan
        return self._next_rung()

    def tell(self, trial: Trial) -> None:
        """Take in a trial, of the strategy or of the ladder."""
        self._history.add(trial)
        self._inner.tell(trial)

    def _next_rung(self) -> Plan | None:
        problem = self._problem
        spent = self._history.spent(problem) if len(self._history) else ()
        for limit in self._rungs:
            if any(abs(math.log(known / limit)) < self._half_step for known in spent):
                continue
            theta = knapsack(problem.costs, problem.sensitivity.distortion, limit)
            # A space of few plans may have none near that limit.
            if not self._history.seen(theta):
                return problem.space.plan(theta)
        return None


def _ends(problem: Problem) -> tuple[int, int]:
    """Return the cost with every site at its mildest option, and the least possible cost."""
    space, costs = problem.space, problem.costs
    least = costs.total(costs.least)
    mildest = np.minimum(space.levels - 1, 1) if problem.given_costs is None else space.largest
    return max(costs.total(mildest), least), least
