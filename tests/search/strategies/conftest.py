from __future__ import annotations

import numpy as np
import pytest

from zoo_compress.core import Measurement, Plan, Trial
from zoo_compress.registry import load_plugin
from zoo_compress.search.problem import Problem

# More than gp's initial plans, so that it fits its process too.
TRIALS = 8


def measured(problem: Problem, plan: Plan, number: int = 0, distance=None) -> Trial:
    """Return a trial whose distance is what the scan predicts, give or take 30 percent."""
    theta = problem.space.theta(plan)
    if distance is None:
        factor = np.exp(0.3 * np.random.default_rng(theta).standard_normal())
        distance = factor * problem.sensitivity.additive(theta)
    measurement = Measurement(
        distance=distance,
        variance=0.01 * distance**2,
        inputs=8,
        stored_bytes=problem.space.stored_bytes(theta),
    )
    return Trial(number=number, plan=plan, measurement=measurement)


def explored(name: str, problem: Problem, trials=TRIALS, told=(), distances=None) -> list[Trial]:
    """Return what a strategy asks for, after what it is told first."""
    strategy = load_plugin("strategies", name)(problem)
    done = list(told)
    for trial in done:
        strategy.tell(trial)
    while len(done) < trials and (plan := strategy.ask()) is not None:
        distance = None if distances is None else distances[len(done) % len(distances)]
        done.append(measured(problem, plan, len(done), distance))
        strategy.tell(done[-1])
    return done


@pytest.fixture(scope="session")
def measure():
    return measured


@pytest.fixture(scope="session")
def explore():
    return explored


@pytest.fixture(scope="session")
def labels():
    """Return a function: trials -> for each the names of its choices, in order."""

    def labels(trials) -> list[list[tuple[str, str]]]:
        return [sorted((s, o.label) for s, o in t.plan.choices.items()) for t in trials]

    return labels
