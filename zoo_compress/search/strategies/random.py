"""`random`: the baseline that knows nothing."""

from __future__ import annotations

from zoo_compress.core import Plan, Trial
from zoo_compress.search.moves import random_plan
from zoo_compress.search.problem import History, Problem

# A plan that was drawn before is drawn again at most so often; a tiny space has few plans.
MOST_DRAWS = 50


class RandomStrategy:
    """Proposes random plans that just fit the budget."""

    def __init__(self, problem: Problem) -> None:
        """Take the problem."""
        self._problem = problem
        self._history = History(problem.space)

    def ask(self) -> Plan | None:
        """Return a random plan, or None when no new one turns up."""
        problem = self._problem.focused(self._history)
        rng = self._history.generator(problem.seed)
        for _ in range(MOST_DRAWS):
            theta = random_plan(problem, rng)
            if not self._history.seen(theta):
                return problem.space.plan(theta)
        return None

    def tell(self, trial: Trial) -> None:
        """Count the trial; the next draw depends on how many there were."""
        self._history.add(trial)
