"""`knapsack`: one plan, the best one if the effects of the options simply add up."""

from __future__ import annotations

from zoo_compress.core import Plan, Trial
from zoo_compress.search.problem import History, Problem
from zoo_compress.search.projection import knapsack


class KnapsackStrategy:
    """Proposes the solution of the knapsack problem over the scan's sensitivities, once."""

    def __init__(self, problem: Problem) -> None:
        """Take the problem."""
        self._problem = problem
        self._history = History(problem.space)

    def ask(self) -> Plan | None:
        """Return the plan, and None when it has been measured."""
        if len(self._history):
            return None
        space, cost = self._problem.space, self._problem.sensitivity.distortion
        return space.plan(knapsack(space, cost, self._problem.limit_bytes))

    def tell(self, trial: Trial) -> None:
        """Remember that the plan was measured."""
        self._history.add(trial)
