"""`gp`: Bayesian optimization of what the scan's prediction leaves unexplained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

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
# Of the distance predicted for the first plan; below it all are equally good.
SMALLEST_DISTANCE = 1e-12
# What a plan with an infinite distance is taken for: a hundred times its prediction.
BROKEN_RESIDUAL = float(np.log(100))
PARENTS = 5
LOCAL_CANDIDATES = 120
KNAPSACK_CANDIDATES = 40
GLOBAL_CANDIDATES = 4
CLIMBS = 2
CLIMBERS = 8
NEIGHBOURS_PER_CLIMB = 60
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
    knapsack solutions for perturbed sensitivities, a few random plans, and then swaps of the
    most promising of these. Every candidate is within the budget by construction.
    """

    def __init__(self, problem: Problem) -> None:
        """Take the problem."""
        self._problem = problem
        self._history = History(problem.space)
        cost = problem.sensitivity.distortion
        self._start = knapsack(problem.space, cost, problem.limit_bytes)
        self._tuned: tuple[int, object] = (0, default_kernel())
        # Where the best plan is predicted to change nothing, any scale of the features serves.
        self._unit = problem.sensitivity.additive(self._start) or 1.0

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
        # The matrices are small: handing them to several threads costs more than the algebra.
        with threadpool_limits(limits=1, user_api="blas"):
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
        incumbent = self._history.thetas[order[0]]
        pool = self._unseen(self._pool(order, rng))
        for _ in range(CLIMBS):
            ranked = self._ranked(process, pool, incumbent)
            climbers = ranked[:CLIMBERS]
            neighbours = self._neighbours(climbers, NEIGHBOURS_PER_CLIMB, rng)
            pool = self._unseen([*climbers, *neighbours])
        return next(iter(self._ranked(process, pool, incumbent)), None)

    def _ranked(
        self, process: NoisyGaussianProcess, pool: list[Theta], incumbent: Theta
    ) -> list[Theta]:
        """Return candidates by corrected expected improvement, the largest first."""
        thetas = [*pool, incumbent]
        mean, covariance = process.predict(self._features(thetas), return_cov=True)
        mean = mean + self._prior(thetas)
        improvement = corrected_expected_improvement(mean, covariance, len(pool))
        return [pool[i] for i in np.argsort(-improvement[:-1], kind="stable")]

    def _fit(self, observed: Observations) -> NoisyGaussianProcess:
        """Fit the process; hyper-parameters come from the last scheduled number of trials.

        They depend on the trials up to that number alone, so a resumed search has the same.
        """
        count = _last_refit(len(observed.targets))
        if self._tuned[0] != count:
            tuned = NoisyGaussianProcess(default_kernel()).fit_noisy(
                observed.features[:count], observed.targets[:count], observed.noise[:count]
            )
            self._tuned = (count, tuned.kernel_)
        fixed = NoisyGaussianProcess(self._tuned[1], optimizer=None)
        return fixed.fit_noisy(observed.features, observed.targets, observed.noise)

    def _observations(self) -> Observations:
        history = self._history
        distances = np.array(history.distances)
        finite = np.isfinite(distances)
        prior = self._prior(history.thetas)
        bounded = np.where(finite, np.maximum(distances, SMALLEST_DISTANCE * self._unit), 1.0)
        noise = log_noise(list(bounded), list(np.where(finite, history.variances, np.inf)))
        return Observations(
            features=self._features(history.thetas),
            targets=np.where(finite, np.log(bounded) - prior, BROKEN_RESIDUAL),
            noise=noise,
        )

    def _features(self, thetas: list[Theta]) -> Matrix:
        """Return each site's predicted share of the output change, in amplitude, (n, S)."""
        contributions = [self._problem.sensitivity.contributions(theta) for theta in thetas]
        return np.sqrt(np.array(contributions) / self._unit)

    def _prior(self, thetas: list[Theta]) -> Vector:
        """Return the scan's prediction of log distance, shape (n,)."""
        predicted = [self._problem.sensitivity.additive(theta) for theta in thetas]
        return np.log(np.maximum(predicted, SMALLEST_DISTANCE * self._unit))

    def _pool(self, order: npt.NDArray[np.int64], rng: np.random.Generator) -> list[Theta]:
        problem, history = self._problem, self._history
        parents = [history.thetas[i] for i in order[:PARENTS]]
        pool = self._neighbours(parents, LOCAL_CANDIDATES, rng)
        pool += [perturbed_knapsack(problem, rng) for _ in range(KNAPSACK_CANDIDATES)]
        pool += [random_plan(problem, rng) for _ in range(GLOBAL_CANDIDATES)]
        return pool

    def _neighbours(
        self, parents: list[Theta], count: int, rng: np.random.Generator
    ) -> list[Theta]:
        turns = range(count if parents else 0)
        return [swapped(self._problem, parents[turn % len(parents)], rng) for turn in turns]

    def _unseen(self, pool: list[Theta]) -> list[Theta]:
        """Return the candidates that were not measured yet, each once."""
        unique = {theta.tobytes(): theta for theta in pool}
        return [theta for theta in unique.values() if not self._history.seen(theta)]


def _last_refit(count: int) -> int:
    """Return the largest scheduled number of observations that is at most `count`."""
    scheduled = min(count, INITIAL_PLANS)
    while (following := max(scheduled + 1, int(scheduled * REFIT_GROWTH))) <= count:
        scheduled = following
    return scheduled
