"""`swap`: the knapsack plan, then random local swaps of the best plan so far."""

from __future__ import annotations

from zoo_compress.core import Plan, Trial
from zoo_compress.search.moves import swapped
from zoo_compress.search.problem import History, Problem
from zoo_compress.search.projection import knapsack

# A swap that was tried before is drawn again at most so often; a tiny space has few plans.
MOST_DRAWS = 50


class SwapStrategy:
    """Random local search around the best plan measured so far."""

    def __init__(self, problem: Problem) -> None:
        """Take the problem."""
        self._problem = problem
        self._history = History(problem.space)

    def ask(self) -> Plan | None:
        """Return a neighbour of the best plan, or None when no new one turns up."""
        problem, space = self._problem.focused(self._history), self._problem.space
        if not len(self._history):
            distortion = problem.sensitivity.distortion
            return space.plan(knapsack(problem.costs, distortion, problem.limit))
        rng = self._history.generator(problem.seed)
        for _ in range(MOST_DRAWS):
            theta = swapped(problem, self._history.best(problem), rng)
            if not self._history.seen(theta):
                return space.plan(theta)
        return None

    def tell(self, trial: Trial) -> None:
        """Take in a measurement."""
        self._history.add(trial)
