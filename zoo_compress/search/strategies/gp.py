"""`gp`: Bayesian optimization of what the scan's prediction leaves unexplained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Plan, Trial
from zoo_compress.search.moves import perturbed_knapsack, random_plan, swapped
from zoo_compress.search.problem import History, Problem
from zoo_compress.search.projection import knapsack
from zoo_compress.search.space import Theta
from zoo_compress.search.strategies.gp_model import (
    Matrix,
    NoisyGaussianProcess,
    Vector,
    corrected_expected_improvement,
    default_kernel,
    log_noise,
)

INITIAL_PLANS = 6
PARENTS = 5
LOCAL_CANDIDATES = 200
KNAPSACK_CANDIDATES = 60
GLOBAL_CANDIDATES = 4
# The likelihood fit costs far more than the rest of a proposal, and what it finds changes
# slowly: it is repeated whenever the number of observations has grown by a quarter.
REFIT_GROWTH = 1.25


@dataclass(frozen=True)
class Observations:
    """What the process is fitted to."""

    features: Matrix
    targets: Vector
    noise: Vector


class GaussianProcessStrategy:
    """A Gaussian process on log distance minus its prediction from the scan.

    First the knapsack plan and a few solutions for perturbed sensitivities. Then each proposal
    maximises the corrected expected improvement over a pool: local swaps of the best plans,
    knapsack solutions for perturbed sensitivities, and a few random plans. Every candidate is
    within the budget by construction.
    """

    def __init__(self, problem: Problem) -> None:
        """Take the problem."""
        self._problem = problem
        self._history = History(problem.space)
        cost = problem.sensitivity.distortion
        self._start = knapsack(problem.space, cost, problem.limit_bytes)
        self._unit = max(problem.sensitivity.additive(self._start), np.finfo(float).tiny)

    def ask(self) -> Plan | None:
        """Return the next plan, or None when the space has no other."""
        problem, history = self._problem, self._history
        if not len(history):
            return problem.space.plan(self._start)
        rng = history.generator(problem.seed)
        if len(history) < INITIAL_PLANS:
            pool = [perturbed_knapsack(problem, rng) for _ in range(KNAPSACK_CANDIDATES)]
            theta = next((theta for theta in pool if not history.seen(theta)), None)
            if theta is not None:
                return problem.space.plan(theta)
        chosen = self._propose(rng)
        return None if chosen is None else problem.space.plan(chosen)

    def tell(self, trial: Trial) -> None:
        """Take in a measurement; one that is not finite teaches that the plan is bad."""
        self._history.add(trial)

    def _propose(self, rng: np.random.Generator) -> Theta | None:
        observed = self._observations()
        process = self._fit(observed)
        measured = np.arange(len(self._history))
        mean = process.predict(observed.features) + self._prior(self._history.thetas)
        order = measured[np.argsort(mean, kind="stable")]
        pool = self._pool(order, rng)
        if not pool:
            return None
        incumbent = self._history.thetas[order[0]]
        return pool[self._best_candidate(process, pool, incumbent)]

    def _best_candidate(
        self, process: NoisyGaussianProcess, pool: list[Theta], incumbent: Theta
    ) -> int:
        thetas = [*pool, incumbent]
        mean, covariance = process.predict(self._features(thetas), return_cov=True)
        mean = mean + self._prior(thetas)
        improvement = corrected_expected_improvement(mean, covariance, len(pool))
        return int(np.argmax(improvement[:-1]))

    def _fit(self, observed: Observations) -> NoisyGaussianProcess:
        """Fit the process; hyper-parameters come from the last scheduled number of trials.

        They depend on the trials up to that number alone, so a resumed search has the same.
        """
        count = _last_refit(len(observed.targets))
        tuned = NoisyGaussianProcess(default_kernel()).fit_noisy(
            observed.features[:count], observed.targets[:count], observed.noise[:count]
        )
        fixed = NoisyGaussianProcess(tuned.kernel_, optimizer=None)
        return fixed.fit_noisy(observed.features, observed.targets, observed.noise)

    def _observations(self) -> Observations:
        history = self._history
        distances = np.array(history.distances)
        finite = np.isfinite(distances)
        ceiling = distances[finite].max(initial=self._unit)
        bounded = np.maximum(np.where(finite, distances, 10 * ceiling), 1e-12 * self._unit)
        variances = np.where(finite, history.variances, bounded**2)
        return Observations(
            features=self._features(history.thetas),
            targets=np.log(bounded) - self._prior(history.thetas),
            noise=log_noise(list(bounded), list(variances)),
        )

    def _features(self, thetas: list[Theta]) -> Matrix:
        """Return each site's predicted share of the output change, in amplitude, (n, S)."""
        contributions = [self._problem.sensitivity.contributions(theta) for theta in thetas]
        return np.sqrt(np.array(contributions) / self._unit)

    def _prior(self, thetas: list[Theta]) -> Vector:
        """Return the scan's prediction of log distance, shape (n,)."""
        predicted = [self._problem.sensitivity.additive(theta) for theta in thetas]
        return np.log(np.maximum(predicted, 1e-12 * self._unit))

    def _pool(self, order: npt.NDArray[np.int64], rng: np.random.Generator) -> list[Theta]:
        problem, history = self._problem, self._history
        parents = [history.thetas[i] for i in order[:PARENTS]]
        pool = [swapped(problem, parents[i % len(parents)], rng) for i in range(LOCAL_CANDIDATES)]
        pool += [perturbed_knapsack(problem, rng) for _ in range(KNAPSACK_CANDIDATES)]
        pool += [random_plan(problem, rng) for _ in range(GLOBAL_CANDIDATES)]
        unique = {theta.tobytes(): theta for theta in pool}
        return [theta for theta in unique.values() if not history.seen(theta)]


def _last_refit(count: int) -> int:
    """Return the largest scheduled number of observations that is at most `count`."""
    scheduled = min(count, INITIAL_PLANS)
    while (following := max(scheduled + 1, int(scheduled * REFIT_GROWTH))) <= count:
        scheduled = following
    return scheduled
