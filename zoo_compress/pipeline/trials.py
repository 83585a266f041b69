"""The trials of a run: what a strategy asks for, then plans for the frontier."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from zoo_compress.core import Plan, Strategy, Trial
from zoo_compress.pipeline.attempt import Attempt
from zoo_compress.pipeline.time_goal import TimeGoal
from zoo_compress.search.ladder import WithLadder
from zoo_compress.search.loop import run_trials
from zoo_compress.search.problem import Problem

Keep = Callable[[Sequence[Trial]], None]

FIRST_SHARE = 0.6
"""Of the trials, those that come before the best of them is measured whole."""


def measure_trials(attempt: Attempt, strategy: Strategy, problem: Problem, *, keep: Keep) -> None:
    """Measure what a strategy asks for, and then plans at other limits for the frontier."""
    study = attempt.study
    rungs = study.recipe.search.frontier
    _run(
        attempt,
        WithLadder(strategy, problem, trials=study.trials, rungs=rungs),
        trials=study.most_trials,
        keep=keep,
    )


def search_within_time(attempt: Attempt, goal: TimeGoal, problem: Problem, *, keep: Keep) -> None:
    """Search for plans whose models keep a budget of latency.

    Which sums of times go with that budget, plans of the knapsack tell first, measured whole, and
    after a part of the trials the best of these: the rest of them looks where it then seems to be.

    Args:
        attempt: The command.
        goal: The budget.
        problem: The problem, without the limit on time.
        keep: Told of all trials so far, after each one.
    """
    study = attempt.study
    curve, starts = goal.first_curve(problem.sensitivity)
    first = replace(problem, given_costs=goal.costs, limit=goal.limit(curve))
    trials = _run(
        attempt,
        Started(study.strategy_type(first), first, starts),
        trials=math.ceil(FIRST_SHARE * study.trials),
        keep=keep,
    )
    second = replace(first, limit=goal.limit(goal.corrected(curve, trials)))
    measure_trials(attempt, study.strategy_type(second), second, keep=keep)


class Started:
    """A strategy that has some plans measured before its own."""

    def __init__(self, inner: Strategy, problem: Problem, starts: Sequence[Plan]) -> None:
        """Take the strategy, the space that the plans are of, and the plans."""
        self._inner = inner
        self._space = problem.space
        self._seen = set[bytes]()
        self._starts = starts

    def ask(self) -> Plan | None:
        """Return the next of the plans that was not measured, then what the strategy asks."""
        for plan in self._starts:
            if self._space.theta(plan).tobytes() not in self._seen:
                return plan
        return self._inner.ask()

    def tell(self, trial: Trial) -> None:
        """Take in a trial."""
        self._seen.add(self._space.theta(trial.plan).tobytes())
        self._inner.tell(trial)


def _run(attempt: Attempt, strategy: Strategy, *, trials: int, keep: Keep) -> list[Trial]:
    return run_trials(
        strategy,
        attempt.measure,
        attempt.store,
        trials=trials,
        deadline=attempt.deadline,
        keep=keep,
        progress=lambda report: attempt.progress(replace(report, total=attempt.study.most_trials)),
    )
