"""The `gp` strategy against the others where the scan's prediction is not the whole truth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from itertools import pairwise

import numpy as np
import pytest

from zoo_compress.core import Measurement
from zoo_compress.plan import plan_record
from zoo_compress.registry import load_plugin
from zoo_compress.search.frontier import best_trial
from zoo_compress.search.moves import swapped
from zoo_compress.search.projection import knapsack
from zoo_compress.search.strategies.gp import INITIAL_PLANS, REFIT_GROWTH, _last_refit
from zoo_compress.testing.problems import OBJECTIVES, draw_problem, with_objective
from zoo_compress.testing.trials import explored, measured, trial_of

EVALUATIONS = 25
RELATIVE_NOISE = 0.03


class Interacting:
    """A distance that the scan knows up to a weight for each site and a term for each pair.

    L = sum_l w_l D_l + sum_{l<m} c_lm sqrt(D_l D_m), with D the scan's distortions, measured with
    Gaussian noise of a known share of L.
    """

    def __init__(self, problem, seed) -> None:
        rng = np.random.default_rng([seed, 1])
        sites = len(problem.space.sites)
        self._problem = problem
        self._weights = rng.lognormal(sigma=1.0, size=sites)
        self._pairs = np.triu(0.1 * rng.uniform(-1, 1, (sites, sites)), 1)
        self._noise = np.random.default_rng([seed, 2])

    def exact(self, plan) -> float:
        theta = self._problem.space.theta(plan)
        (power,) = self._problem.sensitivity.contributions(theta[None])
        amplitude = np.sqrt(power)
        return float(self._weights @ power + amplitude @ self._pairs @ amplitude)

    def measure(self, plan) -> Measurement:
        exact = self.exact(plan)
        return Measurement(
            distance=exact * (1 + RELATIVE_NOISE * self._noise.standard_normal()),
            variance=(RELATIVE_NOISE * exact) ** 2,
            inputs=50,
            stored_bytes=self._problem.space.stored_bytes(self._problem.space.theta(plan)),
        )


def found_by(name, problem, seed, evaluations=EVALUATIONS) -> float:
    """Return the exact distance of the plan that a strategy ends with."""
    truth = Interacting(problem, seed)
    strategy = load_plugin("strategies", name)(problem)
    trials = explored(strategy, truth.measure, trials=evaluations)
    return truth.exact(best_trial(trials, problem.objective, problem.limit).plan)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_interactions_are_learnt_that_the_scan_does_not_see(seed):
    problem = draw_problem(seed, sites=14, share=0.125, search_seed=seed)
    gp, knapsack, chance = (found_by(n, problem, seed) for n in ("gp", "knapsack", "random"))
    assert gp <= 0.95 * knapsack
    assert gp < chance / 2


def taught(problem, observations):
    """Return a strategy that was told of random swaps of the knapsack plan."""
    rng = np.random.default_rng(0)
    start = knapsack(problem.costs, problem.sensitivity.distortion, problem.limit)
    strategy = load_plugin("strategies", "gp")(problem)
    for number in range(observations):
        theta = swapped(problem, start, rng)
        predicted = float(problem.sensitivity.distances(theta[None])[0])
        distance = predicted * rng.lognormal(sigma=0.3)
        strategy.tell(trial_of(problem.space, theta, number, distance))
    return strategy


@pytest.mark.parametrize(("sites", "observations"), [(40, 30), (200, 200)])
def test_a_proposal_for_a_large_model_is_within_the_budget(sites, observations):
    problem = draw_problem(0, sites=sites, share=0.125)
    theta = problem.space.theta(taught(problem, observations).ask())
    assert problem.space.stored_bytes(theta) <= problem.limit


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_search_raises_no_warning_of_the_libraries_below_it(objective):
    problem = with_objective(draw_problem(24, sites=8), objective)
    strategy = load_plugin("strategies", "gp")(problem)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trials = explored(strategy, lambda plan: measured(problem, plan), trials=15)
    assert len(trials) == 15
    assert [str(warning.message) for warning in caught] == []


def test_plans_hold_the_types_of_python_alone():
    problem = draw_problem(25)
    strategy = load_plugin("strategies", "gp")(problem)
    for trial in explored(strategy, lambda plan: measured(problem, plan), trials=15):
        record = plan_record(trial.plan)
        assert json.loads(json.dumps(record)) == record
        for site, choice in record.items():
            assert type(site) is str
            assert type(choice["stored_bytes"]) is int
            assert {type(value) for value in choice["settings"].values()} == {int, str}


SEARCH = """
import json
from zoo_compress.plan import plan_record
from zoo_compress.registry import load_plugin
from zoo_compress.testing.problems import draw_problem
from zoo_compress.testing.trials import explored, measured
problem = draw_problem(26, sites=8, shared={(0, 3): {"a": 8, "b": 9}, (2, 3): {"b": 9}})
strategy = load_plugin("strategies", "gp")(problem)
trials = explored(strategy, lambda plan: measured(problem, plan), trials=12)
print(json.dumps([plan_record(trial.plan) for trial in trials]))
"""


def test_proposals_do_not_depend_on_the_process():
    """Neither on how it orders sets nor on how many threads it is given."""
    found = []
    for number in ("1", "2"):
        changed = {"PYTHONHASHSEED": number, "OPENBLAS_NUM_THREADS": number}
        run = subprocess.run(
            [sys.executable, "-c", SEARCH],
            env=os.environ | changed,
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(json.loads(run.stdout))
    assert found[0] == found[1]
    assert len(found[0]) == 12


def test_what_a_proposal_follows_from_is_told_in_the_trials_alone():
    """A strategy that has proposed all along, and one that is told it all at once, agree."""
    problem = draw_problem(27, sites=10)
    steady = load_plugin("strategies", "gp")(problem)
    trials = explored(steady, lambda plan: measured(problem, plan), trials=14)
    sudden = load_plugin("strategies", "gp")(problem)
    for trial in trials:
        sudden.tell(trial)
    assert sudden.ask() == steady.ask()


def test_hyper_parameters_are_refitted_whenever_the_trials_have_grown_by_a_quarter():
    refits = sorted({_last_refit(count) for count in range(INITIAL_PLANS, 200)})
    assert refits[0] == INITIAL_PLANS
    assert all(b <= max(a + 1, REFIT_GROWTH * a) for a, b in pairwise(refits))
    assert len(refits) < 20
    assert [_last_refit(count) for count in range(INITIAL_PLANS)] == list(range(INITIAL_PLANS))
