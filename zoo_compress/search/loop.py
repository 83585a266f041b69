"""The search loop: ask, measure, store, tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zoo_compress.core import (
    Measurement,
    Plan,
    Progress,
    ProgressCallback,
    Strategy,
    Trial,
    ignore_progress,
)
from zoo_compress.search.comparison import Comparison
from zoo_compress.search.deadline import Deadline, Turns
from zoo_compress.search.space import SearchSpace
from zoo_compress.search.store import TrialStore
from zoo_compress.stats.distances.base import Distance
from zoo_compress.techniques.candidates import Candidates


def _keep_nothing(_: Sequence[Trial]) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Measurer:
    """Measures plans on fixed inputs, the same for all candidates.

    Attributes:
        space: Tells the bytes of a plan.
        candidates: Runs it.
        distance: Compares its outputs with the original's.
        indices: The samples to run.
        top_answers: Whether to compare the top answers too, for a classifier.
    """

    space: SearchSpace
    candidates: Candidates
    distance: Distance
    indices: Sequence[int]
    top_answers: bool = False

    def measure(self, plan: Plan) -> Measurement:
        """Return distance, variance and bytes of a plan, and how many top answers it changes."""
        comparison = Comparison(
            candidates=self.candidates, distance=self.distance, indices=self.indices
        )
        mean, variance, changed = comparison.estimate(plan, top_answers=self.top_answers)
        return Measurement(
            distance=float(mean),
            variance=float(variance),
            inputs=len(self.indices),
            stored_bytes=self.space.stored_bytes(self.space.theta(plan)),
            disagreement=changed,
        )


def run_trials(
    strategy: Strategy,
    measure: Callable[[Plan], Measurement],
    store: TrialStore,
    *,
    trials: int,
    deadline: Deadline | None = None,
    keep: Callable[[Sequence[Trial]], None] = _keep_nothing,
    progress: ProgressCallback = ignore_progress,
) -> list[Trial]:
    """Measure what a strategy asks for, up to a number of trials or a time.

    Trials that the store already holds are told first and not measured again. At least one
    trial is made, however little time there is.

    Args:
        strategy: Proposes plans.
        measure: Measures one.
        store: Takes each trial as it ends.
        trials: Most trials, stored ones included.
        deadline: When the trials must end, or None.
        keep: Told of all trials so far, after each one and before its progress is reported.
        progress: Called after each trial.
    """
    done = store.trials()[:trials]
    for trial in done:
        strategy.tell(trial)
    turns = Turns(deadline)
    while len(done) < trials and turns.another(required=not done):
        start = time.perf_counter()
        plan = strategy.ask()
        proposed = time.perf_counter() - start
        if plan is None:
            break
        trial = Trial(number=len(done), plan=plan, measurement=measure(plan))
        store.add(trial, seconds={"propose": proposed})
        strategy.tell(trial)
        done.append(trial)
        keep(done)
        progress(Progress(stage="search", done=len(done), total=trials, detail=_best(done)))
    return done


def _best(trials: Sequence[Trial]) -> str:
    return f"best distance {min(t.measurement.distance for t in trials):.4g}"
