"""What the trials teach of plans that were not measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, cholesky

from zoo_compress.search.objective import Beliefs
from zoo_compress.search.problem import History, Problem
from zoo_compress.search.space import Theta
from zoo_compress.search.strategies.gp_model import (
    SMALLEST_NOISE,
    Matrix,
    NoisyGaussianProcess,
    PlanKernel,
    Vector,
    log_noise,
)

# What a plan with an infinite distance is taken for: a hundred times its prediction.
BROKEN_RESIDUAL = float(np.log(100))


@dataclass(frozen=True, kw_only=True)
class Observations:
    """What the process is fitted to.

    Attributes:
        features: Rows as `PlanKernel` takes them, shape (n, S + S L).
        targets: Log distance minus its prediction by the scan, shape (n,).
        noise: Variances of the targets' errors, shape (n,).
    """

    features: Matrix
    targets: Vector
    noise: Vector

    def first(self, count: int) -> Observations:
        """Return the first of them."""
        return Observations(
            features=self.features[:count],
            targets=self.targets[:count],
            noise=self.noise[:count],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class PlanFeatures:
    """Turns plans into rows for `PlanKernel`.

    Attributes:
        problem: The problem.
        unit: Contribution that has amplitude 1, above 0.
    """

    problem: Problem
    unit: float

    def rows(self, thetas: Sequence[Theta]) -> Matrix:
        """Return amplitudes and roots of shares, shape (n, S + S L)."""
        theta = np.array(thetas)
        count, sites = theta.shape
        levels = self.problem.space.level_bytes.shape[1]
        contributions = self.problem.sensitivity.contributions(theta)
        total = contributions.sum(axis=1, keepdims=True)
        share = np.divide(contributions, total, out=np.zeros_like(contributions), where=total > 0)
        chosen = np.zeros((count, sites * levels))
        columns = np.arange(sites)[None] * levels + theta
        np.put_along_axis(chosen, columns, np.sqrt(share), axis=1)
        return np.hstack([np.sqrt(contributions / self.unit), chosen])

    def observe(self, history: History) -> Observations:
        """Return the trials as the process takes them."""
        problem = self.problem
        distances = np.array(history.distances)
        finite = np.isfinite(distances)
        bounded = np.where(finite, np.maximum(distances, problem.smallest_distance), 1.0)
        variances = np.where(finite, history.variances, np.inf)
        residuals = np.log(bounded) - problem.predicted(history.thetas)
        return Observations(
            features=self.rows(history.thetas),
            targets=np.where(finite, residuals, BROKEN_RESIDUAL),
            noise=np.maximum(log_noise(list(bounded), list(variances)), SMALLEST_NOISE),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Posterior:
    """A fitted process.

    Attributes:
        features: Makes rows of plans.
        observations: What it was fitted to.
        process: The process.
    """

    features: PlanFeatures
    observations: Observations
    process: NoisyGaussianProcess

    def mean(self, thetas: Sequence[Theta]) -> Vector:
        """Return the posterior mean of the log distance, shape (n,)."""
        found: Vector = self.process.predict(self.features.rows(thetas))
        return found + self.features.problem.predicted(thetas)

    def beliefs(self, thetas: Sequence[Theta]) -> Beliefs:
        """Return mean and covariance of the log distance, and the sizes."""
        problem = self.features.problem
        mean, covariance = self.process.predict(self.features.rows(thetas), return_cov=True)
        return Beliefs(
            mean=mean + problem.predicted(thetas),
            covariance=covariance,
            stored_bytes=problem.space.stored_sizes(np.array(thetas)),
        )

    def mean_corrections(self) -> Matrix:
        """Return the posterior mean of each option's correction, shape (S, L)."""
        return self._as_table(self._variance * (self._chosen.T @ self.process.alpha_))

    def drawn_corrections(self, rng: np.random.Generator) -> Matrix:
        """Draw each option's correction from the posterior, shape (S, L).

        By Matheron's rule: a draw from the prior, moved by what the observations say against it.
        """
        observations, chosen = self.observations, self._chosen
        prior = np.sqrt(self._variance) * rng.standard_normal(chosen.shape[1])
        rest = self._root_of_the_rest @ rng.standard_normal(len(observations.targets))
        surprise = observations.targets - chosen @ prior - rest
        moved = prior + self._variance * (chosen.T @ cho_solve((self.process.L_, True), surprise))
        return self._as_table(moved)

    @cached_property
    def _root_of_the_rest(self) -> Matrix:
        """A Cholesky factor of the covariance that the corrections do not explain, (n, n)."""
        kernel, observations = self._kernel, self.observations
        rest = kernel(observations.features) - self._variance * self._chosen @ self._chosen.T
        rest[np.diag_indices_from(rest)] += observations.noise
        factor: Matrix = cholesky(rest, lower=True)
        return factor

    @property
    def _kernel(self) -> PlanKernel:
        kernel: PlanKernel = self.process.kernel_
        return kernel

    @property
    def _variance(self) -> float:
        return float(self._kernel.level_variance)

    @property
    def _chosen(self) -> Matrix:
        return self.observations.features[:, self._kernel.sites :]

    def _as_table(self, corrections: npt.NDArray[np.float64]) -> Matrix:
        """Return one row a site, in the units in which contributions add up."""
        power = self.features.problem.sensitivity.power
        return power * corrections.reshape(self._kernel.sites, -1)
