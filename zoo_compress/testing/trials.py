"""Simulated trials: a search without a model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Measurement, Plan, Strategy, Trial
from zoo_compress.plan import plan_from_text, plan_record
from zoo_compress.search.problem import Problem
from zoo_compress.search.space import SearchSpace

INPUTS = 50
# What the scan leaves unexplained of the log distance, and how well a trial tells the distance.
UNEXPLAINED = 0.3
RELATIVE_ERROR = 0.1


def measured(problem: Problem, plan: Plan, *, distance: float | None = None) -> Measurement:
    """Return what a trial of a plan might find.

    Args:
        problem: The problem.
        plan: The plan.
        distance: What to find, also NaN or infinity. By default what the scan predicts, give or
            take 30 percent; the same plan always gets the same.
    """
    theta = problem.space.theta(plan)
    if distance is None:
        chance = np.random.default_rng(theta).standard_normal()
        predicted = float(problem.sensitivity.distances(theta[None])[0])
        distance = predicted * math.exp(UNEXPLAINED * chance)
    return Measurement(
        distance=distance,
        variance=(RELATIVE_ERROR * distance) ** 2,
        inputs=INPUTS,
        stored_bytes=problem.space.stored_bytes(theta),
        disagreement=changed_answers(distance, problem),
    )


def changed_answers(distance: float, problem: Problem) -> float:
    """Return the share of inputs whose top answer a model at that distance might change."""
    scale = float(problem.sensitivity.distances(problem.space.smallest[None])[0]) or 1.0
    share = math.sqrt(distance / scale) if math.isfinite(distance) else 1.0
    return min(round(share * INPUTS), INPUTS) / INPUTS


def explored(
    strategy: Strategy,
    measure: Callable[[Plan], Measurement],
    *,
    trials: int,
    told: Sequence[Trial] = (),
) -> list[Trial]:
    """Return the trials that a strategy asks for, after what it is told first.

    Args:
        strategy: A new strategy.
        measure: Measures a plan.
        trials: How many there are at most, those told first included.
        told: Trials made before, in their order.
    """
    done = list(told)
    for trial in done:
        strategy.tell(trial)
    while len(done) < trials and (plan := strategy.ask()) is not None:
        done.append(Trial(number=len(done), plan=plan, measurement=measure(plan)))
        strategy.tell(done[-1])
    return done


def trial_of(
    space: SearchSpace,
    theta: npt.ArrayLike,
    number: int = 0,
    distance: float = 1.0,
    variance: float | None = None,
    disagreement: float | None = None,
) -> Trial:
    """Return a trial of the plan that an array stands for, its variance 1 % squared by default."""
    levels = np.asarray(theta, np.int64)
    return Trial(
        number=number,
        plan=space.plan(levels),
        measurement=Measurement(
            distance=distance,
            variance=1e-4 * distance**2 if variance is None else variance,
            inputs=INPUTS,
            stored_bytes=space.stored_bytes(levels),
            disagreement=disagreement,
        ),
    )


def restored(trial: Trial) -> Trial:
    """Return a trial as it comes back from a trial store."""
    text = json.dumps(plan_record(trial.plan))
    return replace(trial, plan=plan_from_text(text))


def choices(trials: Sequence[Trial]) -> list[list[tuple[str, str]]]:
    """Return for each trial the names of its sites and of their options, in order."""
    return [sorted((s, o.label) for s, o in trial.plan.choices.items()) for trial in trials]
