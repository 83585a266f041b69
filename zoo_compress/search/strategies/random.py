"""`random`: the baseline that knows nothing."""

from __future__ import annotations

from zoo_compress.core import Plan, Trial
from zoo_compress.search.moves import random_plan
from zoo_compress.search.problem import History, Problem


class RandomStrategy:
    """Proposes random plans that just fit the budget."""

    def __init__(self, problem: Problem) -> None:
        """Take the problem."""
        self._problem = problem
        self._history = History(problem.space)

    def ask(self) -> Plan | None:
        """Return a random plan."""
        rng = self._history.generator(self._problem.seed)
        return self._problem.space.plan(random_plan(self._problem, rng))

    def tell(self, trial: Trial) -> None:
        """Count the trial; the next draw depends on how many there were."""
        self._history.add(trial)
