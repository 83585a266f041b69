"""The search loop: ask, measure, store, tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from zoo_compress.core import Measurement, Plan, Progress, ProgressCallback, Strategy, Trial
from zoo_compress.runtime.evaluator import Evaluator
from zoo_compress.search.space import SearchSpace
from zoo_compress.search.store import TrialStore
from zoo_compress.stats.distance import OutputDistance
from zoo_compress.stats.moments import mean_and_variance
from zoo_compress.techniques.encoder import Encoder


@dataclass(frozen=True, kw_only=True)
class Measurer:
    """Measures plans on fixed inputs, the same for all candidates.

    Attributes:
        space: Tells the bytes of a plan.
        encoder: Encodes its options.
        evaluator: Runs it.
        distance: Compares its outputs with the original's.
        indices: The samples to run.
    """

    space: SearchSpace
    encoder: Encoder
    evaluator: Evaluator
    distance: OutputDistance
    indices: Sequence[int]

    def measure(self, plan: Plan) -> Measurement:
        """Return distance, variance and bytes of a plan."""
        outputs = self.evaluator.outputs(self.encoder.dense(plan), self.indices)
        distances = self.distance(outputs, self.indices)
        finite = bool(np.isfinite(distances).all())
        mean, variance = mean_and_variance(distances) if finite else (np.inf, np.inf)
        return Measurement(
            distance=float(mean),
            variance=float(variance),
            inputs=len(self.indices),
            stored_bytes=self.space.stored_bytes(self.space.theta(plan)),
        )


def run_trials(
    strategy: Strategy,
    measure: Callable[[Plan], Measurement],
    store: TrialStore,
    *,
    trials: int,
    deadline: float | None,
    progress: ProgressCallback,
) -> list[Trial]:
    """Measure what a strategy asks for, up to a number of trials or a time.

    Trials that the store already holds are told first and not measured again. At least one
    trial is made, however little time there is.

    Args:
        strategy: Proposes plans.
        measure: Measures one.
        store: Takes each trial as it ends.
        trials: Most trials, stored ones included.
        deadline: Reading of `time.perf_counter` after which no trial should end, or None.
        progress: Called after each trial.
    """
    done = store.trials()[:trials]
    for trial in done:
        strategy.tell(trial)
    longest = 0.0
    while len(done) < trials:
        start = time.perf_counter()
        if done and deadline is not None and start + longest > deadline:
            break
        plan = strategy.ask()
        proposed = time.perf_counter()
        if plan is None:
            break
        trial = Trial(number=len(done), plan=plan, measurement=measure(plan))
        store.add(trial)
        store.add_seconds({"propose": proposed - start})
        strategy.tell(trial)
        done.append(trial)
        longest = max(longest, time.perf_counter() - start)
        progress(Progress(stage="search", done=len(done), total=trials, detail=_best(done)))
    return done


def best_trial(trials: Sequence[Trial], limit_bytes: int) -> Trial | None:
    """Return the trial of least finite distance within the budget; the earliest of equals."""
    feasible = [
        trial
        for trial in trials
        if trial.measurement.stored_bytes <= limit_bytes
        and np.isfinite(trial.measurement.distance)
    ]
    return min(feasible, key=lambda t: t.measurement.distance, default=None)


def _best(trials: Sequence[Trial]) -> str:
    return f"best distance {min(t.measurement.distance for t in trials):.4g}"
