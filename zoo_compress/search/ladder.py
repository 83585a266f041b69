"""Plans at other sizes, measured after the search, so that the frontier answers any budget."""

from __future__ import annotations

import math

import numpy as np

from zoo_compress.core import Plan, Strategy, Trial
from zoo_compress.search.problem import History, Problem
from zoo_compress.search.projection import knapsack


class WithLadder:
    """A strategy, and after it knapsack plans at sizes that it has not looked at.

    The rungs divide the range of sizes, from the one at which every site has its mildest option
    to the smallest possible, in equal steps of log size. Rungs within half a step of a measured
    size are left out.
    """

    def __init__(self, inner: Strategy, problem: Problem, *, trials: int, rungs: int) -> None:
        """Take the strategy, how many trials it has at most, and how many rungs there are."""
        self._inner = inner
        self._problem = problem
        self._trials = trials
        self._history = History(problem.space)
        largest, smallest = _ends(problem)
        self._rungs = [int(size) for size in np.geomspace(largest, smallest, rungs)]
        self._half_step = 0.5 * math.log(largest / smallest) / max(rungs - 1, 1)

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
        space, cost = self._problem.space, self._problem.sensitivity.distortion
        for size in self._rungs:
            if any(abs(math.log(known / size)) < self._half_step for known in self._history.sizes):
                continue
            theta = knapsack(space, cost, size)
            # A space of few plans may have none near that size.
            if not self._history.seen(theta):
                return space.plan(theta)
        return None


def _ends(problem: Problem) -> tuple[int, int]:
    """Return the size with every site at its mildest option, and the smallest possible size."""
    space = problem.space
    mildest = np.minimum(space.levels - 1, 1)
    smallest = space.separable_bytes(space.smallest)
    return max(space.separable_bytes(mildest), smallest), smallest
