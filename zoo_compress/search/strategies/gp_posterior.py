"""What the trials teach of plans that were not measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky
from scipy.linalg.lapack import dpotrs

from zoo_compress.search.objective import Beliefs
from zoo_compress.search.problem import History, Problem
from zoo_compress.search.projection import Tables
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
        rows = np.zeros((count, sites + sites * levels))
        rows[:, :sites] = np.sqrt(contributions / self.unit)
        columns = sites + np.arange(sites)[None] * levels + theta
        rows[np.arange(count)[:, None], columns] = np.sqrt(share)
        return rows

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
        mean = self._variance * (self._chosen.T @ self.process.alpha_)
        table: Matrix = self._as_tables(mean[None])[0]
        return table

    def drawn_corrections(self, count: int, rng: np.random.Generator) -> Tables:
        """Draw each option's correction from the posterior, several times, shape (count, S, L).

        By Matheron's rule: a draw from the prior, moved by what the observations say against it.
        """
        chosen, targets = self._chosen, self.observations.targets
        drawn = rng.standard_normal((count, chosen.shape[1] + len(targets)))
        priors = np.sqrt(self._variance) * drawn[:, : chosen.shape[1]]
        moved = np.empty_like(priors)
        # One by one, as a product with all at once would round in another way.
        for prior, normal, move in zip(priors, drawn[:, chosen.shape[1] :], moved, strict=True):
            surprise = targets - chosen @ prior - self._root_of_the_rest @ normal
            np.matmul(chosen.T, self._solved(surprise), out=move)
        return self._as_tables(priors + self._variance * moved)

    def _solved(self, surprise: Vector) -> Vector:
        """Return the inverse of the observations' covariance times a vector, shape (n,)."""
        # What `cho_solve` calls, without looking for it each time.
        solved: Vector = dpotrs(self.process.L_, surprise, lower=True)[0]
        return solved

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

    def _as_tables(self, corrections: npt.NDArray[np.float64]) -> Tables:
        """Return B vectors as tables of sites, in the units in which contributions add up."""
        power = self.features.problem.sensitivity.power
        return power * corrections.reshape(len(corrections), self._kernel.sites, -1)
