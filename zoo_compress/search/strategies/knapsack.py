"""`knapsack`: the best plan if the effects of the options simply add up."""

from __future__ import annotations

from zoo_compress.core import Plan, Trial
from zoo_compress.search.problem import History, Problem
from zoo_compress.search.projection import knapsack


class KnapsackStrategy:
    """Proposes the solution of the knapsack problem over the scan's sensitivities.

    For a size budget that is one plan. Where the objective moves the size, a plan for each size
    that it moves to, until it comes back to one.
    """

    def __init__(self, problem: Problem) -> None:
        """Take the problem."""
        self._problem = problem
        self._history = History(problem.space)

    def ask(self) -> Plan | None:
        """Return the plan, and None when it has been measured."""
        problem = self._problem.focused(self._history)
        theta = knapsack(problem.costs, problem.sensitivity.distortion, problem.limit)
        return None if self._history.seen(theta) else problem.space.plan(theta)

    def tell(self, trial: Trial) -> None:
        """Remember that the plan was measured."""
        self._history.add(trial)
