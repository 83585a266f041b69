"""`gp`: Bayesian optimization of what the scan's prediction leaves unexplained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Plan, Trial
from zoo_compress.numerics.one_thread import one_thread
from zoo_compress.search.moves import corrected_knapsacks, neighbours
from zoo_compress.search.problem import History, Problem
from zoo_compress.search.projection import knapsack
from zoo_compress.search.space import Theta
from zoo_compress.search.strategies.gp_model import NoisyGaussianProcess, PlanKernel
from zoo_compress.search.strategies.gp_posterior import Observations, PlanFeatures, Posterior

INITIAL_PLANS = 6
# Standard deviation of the corrections that the initial plans are drawn with.
INITIAL_CORRECTION = 0.3
INITIAL_DRAWS = 20
PARENTS = 5
LOCAL_CANDIDATES = 100
DRAWN_CANDIDATES = 40
CLIMBS = 2
CLIMBERS = 8
NEIGHBOURS_PER_CLIMB = 60
# The likelihood fit costs far more than the rest of a proposal, and what it finds changes
# slowly: it is repeated whenever the number of observations has grown by a quarter.
REFIT_GROWTH = 1.25


class GaussianProcessStrategy:
    """A Gaussian process on log distance minus its prediction from the scan.

    First the knapsack plan and a few solutions for randomly corrected sensitivities. Then each
    proposal maximises the promise of the objective, for a size budget the corrected expected
    improvement, over a pool: knapsack solutions for sensitivities corrected by draws from the
    posterior, local swaps of the best plans, and then swaps of the most promising of these.
    Every candidate is within the budget by construction.
    """

    def __init__(self, problem: Problem) -> None:
        """Take the problem."""
        self._problem = problem
        self._history = History(problem.space)
        self._kernel = PlanKernel(sites=len(problem.space.sites))
        self._tuned: tuple[int, object] = (0, self._kernel)

    def ask(self) -> Plan | None:
        """Return the next plan, or None when the space has no other."""
        problem, history = self._problem.focused(self._history), self._history
        if not len(history):
            start = knapsack(problem.costs, problem.sensitivity.distortion, problem.limit)
            return problem.space.plan(start)
        rng = history.generator(problem.seed)
        with one_thread():
            chosen = self._initial(problem, rng) if len(history) < INITIAL_PLANS else None
            if chosen is None:
                chosen = self._propose(problem, rng)
        return None if chosen is None else problem.space.plan(chosen)

    def tell(self, trial: Trial) -> None:
        """Take in a measurement; one that is not finite teaches that the plan is bad."""
        self._history.add(trial)

    def _initial(self, problem: Problem, rng: np.random.Generator) -> Theta | None:
        """Return a solution for random corrections that was not measured yet, if one turns up."""
        shape, total = problem.sensitivity.distortion.shape, self._total(problem)
        corrections = INITIAL_CORRECTION * rng.standard_normal((INITIAL_DRAWS, *shape))
        drawn = corrected_knapsacks(problem, corrections, total)
        return next(iter(self._unseen(drawn)), None)

    def _propose(self, problem: Problem, rng: np.random.Generator) -> Theta | None:
        posterior = self._fit(problem)
        measured = self._history.thetas
        spent = self._history.spent(problem)
        losses = problem.objective.losses(posterior.mean(measured), spent, problem.limit)
        order = np.argsort(losses, kind="stable")
        incumbent = measured[order[0]]
        pool = self._unseen(self._pool(problem, posterior, order, rng))
        for _ in range(CLIMBS):
            climbers = self._ranked(problem, posterior, pool, incumbent)[:CLIMBERS]
            near = neighbours(problem, climbers, NEIGHBOURS_PER_CLIMB, rng)
            pool = self._unseen([*climbers, *near])
        return next(iter(self._ranked(problem, posterior, pool, incumbent)), None)

    def _fit(self, problem: Problem) -> Posterior:
        """Fit the process; hyper-parameters come from the last scheduled number of trials.

        They depend on the trials up to that number alone, so a resumed search has the same.
        """
        features = PlanFeatures(problem=problem, unit=self._total(problem))
        observed = features.observe(self._history)
        count = _last_refit(len(observed.targets))
        if self._tuned[0] != count:
            tuned = _fitted(NoisyGaussianProcess(self._kernel), observed.first(count))
            self._tuned = (count, tuned.kernel_)
        fixed = NoisyGaussianProcess(self._tuned[1], optimizer=None)
        return Posterior(
            features=features, observations=observed, process=_fitted(fixed, observed)
        )

    def _total(self, problem: Problem) -> float:
        """Return the predicted total of the first plan; 1 where it changes nothing."""
        first = self._history.thetas[0]
        return float(problem.sensitivity.totals(first[None])[0]) or 1.0

    def _pool(
        self,
        problem: Problem,
        posterior: Posterior,
        order: npt.NDArray[np.int64],
        rng: np.random.Generator,
    ) -> list[Theta]:
        total = self._total(problem)
        draws = posterior.drawn_corrections(DRAWN_CANDIDATES, rng)
        corrections = np.concatenate([posterior.mean_corrections()[None], draws])
        pool = corrected_knapsacks(problem, corrections, total)
        parents = [self._history.thetas[i] for i in order[:PARENTS]]
        return pool + neighbours(problem, parents, LOCAL_CANDIDATES, rng)

    def _ranked(
        self, problem: Problem, posterior: Posterior, pool: Sequence[Theta], incumbent: Theta
    ) -> list[Theta]:
        """Return candidates by what they promise, the most promising first."""
        beliefs = posterior.beliefs([*pool, incumbent])
        promise = problem.objective.promise(beliefs, len(pool), problem.limit)
        return [pool[i] for i in np.argsort(-promise[:-1], kind="stable")]

    def _unseen(self, pool: Sequence[Theta]) -> list[Theta]:
        """Return the candidates that were not measured yet, each once."""
        unique = {theta.tobytes(): theta for theta in pool}
        return [theta for theta in unique.values() if not self._history.seen(theta)]


def _fitted(process: NoisyGaussianProcess, observed: Observations) -> NoisyGaussianProcess:
    return process.fit_noisy(observed.features, observed.targets, observed.noise)


def _last_refit(count: int) -> int:
    """Return the largest scheduled number of observations that is at most `count`."""
    scheduled = min(count, INITIAL_PLANS)
    while (following := max(scheduled + 1, int(scheduled * REFIT_GROWTH))) <= count:
        scheduled = following
    return scheduled
