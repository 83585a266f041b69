"""The `gp` strategy against the others where the scan's prediction is not the whole truth."""

from __future__ import annotations

import numpy as np
import pytest

from zoo_compress.core import Measurement, Trial
from zoo_compress.registry import load_plugin
from zoo_compress.search.loop import best_trial
from zoo_compress.search.moves import perturbed_knapsack

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
        power = self._problem.sensitivity.contributions(self._problem.space.theta(plan))
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
    strategy, objective = load_plugin("strategies", name)(problem), Interacting(problem, seed)
    trials = []
    while len(trials) < evaluations and (plan := strategy.ask()) is not None:
        trials.append(Trial(number=len(trials), plan=plan, measurement=objective.measure(plan)))
        strategy.tell(trials[-1])
    return objective.exact(best_trial(trials, problem.limit_bytes).plan)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_interactions_are_learnt_that_the_scan_does_not_see(draw_problem, seed):
    problem = draw_problem(seed, sites=14, share=0.125, search_seed=seed)
    gp, knapsack, chance = (found_by(n, problem, seed) for n in ("gp", "knapsack", "random"))
    assert gp <= 0.95 * knapsack
    assert gp < chance / 2


@pytest.mark.parametrize(("sites", "observations"), [(40, 30), (200, 200)])
def test_a_proposal_for_a_large_model_raises_no_warning(
    draw_problem, make_trial, sites, observations
):
    problem = draw_problem(0, sites=sites, share=0.125)
    rng = np.random.default_rng(0)
    strategy = load_plugin("strategies", "gp")(problem)
    for number in range(observations):
        theta = perturbed_knapsack(problem, rng)
        distance = problem.sensitivity.additive(theta) * rng.lognormal(sigma=0.3)
        strategy.tell(make_trial(problem.space, theta, number, distance))
    theta = problem.space.theta(strategy.ask())
    assert problem.space.stored_bytes(theta) <= problem.limit_bytes
