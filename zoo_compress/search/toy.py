"""A search that fits on a page: one dimension, known noise, every step kept to be looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from zoo_compress.search.strategies.gp_model import (
    NoisyGaussianProcess,
    corrected_expected_improvement,
)

Vector = npt.NDArray[np.float64]

NOISE = 0.03
"""Standard deviation of an observation of the toy."""
INITIAL_POINTS = 3
GRID_POINTS = 401
# The objective is 1/2 + (cos 14x - cos 40x) / 4. Mean 1/2, mean square 1/16 about it and mean
# squared slope (14^2 + 40^2) / 32 = 56; a Matern-5/2 process of variance v and length l has
# mean squared slope 5 v / (3 l^2). Fitted to a handful of points, the hyper-parameters would
# leap from step to step and hide what is to be seen.
PRIOR_MEAN = 0.5
PRIOR_VARIANCE = 1 / 16
LENGTH = 0.043


@dataclass(frozen=True, kw_only=True, eq=False)
class ToyStep:
    """What the search knows after some observations, and what it will do next.

    Attributes:
        points: Where it has looked, shape (n,), in the order of the observations.
        values: What it has seen there, noise included, shape (n,).
        grid: Where the curves are given, shape (g,), evenly over [0, 1].
        mean: Posterior mean on the grid, shape (g,).
        deviation: Posterior standard deviation of the objective on the grid, shape (g,).
        acquisition: Corrected expected improvement on the grid, shape (g,).
        best: The observed point of least posterior mean, the incumbent.
        best_mean: The posterior mean there.
        following: The point that is looked at next, where the acquisition is largest.
    """

    points: Vector
    values: Vector
    grid: Vector
    mean: Vector
    deviation: Vector
    acquisition: Vector
    best: float
    best_mean: float
    following: float


def sinone(x: npt.ArrayLike) -> Vector:
    """Return f(x) = (sin 13x sin 27x + 1) / 2.

    On [0, 1] it stays within [0.042, 0.976] and has its minimum, 0.0429, at x = 0.6330.

    Args:
        x: Any shape.
    """
    values: Vector = (np.sin(13 * np.asarray(x)) * np.sin(27 * np.asarray(x)) + 1) / 2
    return values


def toy_search(*, steps: int = 20, seed: int = 0) -> list[ToyStep]:
    """Minimise `sinone` from noisy observations, with the search's own process and acquisition.

    The first observations are drawn one from each third of [0, 1]. Then each step fits the
    process, its noise variance known, and looks where the corrected expected improvement over
    the incumbent is largest.

    Args:
        steps: Steps to return, at least 1; the i-th (from 0) knows 3 + i observations.
        seed: Seed of the first points and of the noise.

    Raises:
        ValueError: If `steps` is less than 1.
    """
    if steps < 1:
        raise ValueError(f"{steps} steps: at least 1 is needed")
    rng = np.random.default_rng(seed)
    points = (np.arange(INITIAL_POINTS) + rng.random(INITIAL_POINTS)) / INITIAL_POINTS
    values = sinone(points) + NOISE * rng.standard_normal(points.size)
    trajectory = [_step(points, values)]
    while len(trajectory) < steps:
        points = np.append(points, trajectory[-1].following)
        values = np.append(values, sinone(points[-1]) + NOISE * rng.standard_normal())
        trajectory.append(_step(points, values))
    return trajectory


def _step(points: Vector, values: Vector) -> ToyStep:
    grid = np.linspace(0, 1, GRID_POINTS)
    kernel = ConstantKernel(PRIOR_VARIANCE) * Matern(LENGTH, nu=2.5)
    process = NoisyGaussianProcess(kernel, optimizer=None).fit_noisy(
        points[:, None], values - PRIOR_MEAN, np.full(points.size, NOISE**2)
    )
    queries = np.concatenate([grid, points])[:, None]
    mean, covariance = process.predict(queries, return_cov=True)
    mean = mean + PRIOR_MEAN
    incumbent = grid.size + int(np.argmin(mean[grid.size :]))
    acquisition = corrected_expected_improvement(mean, covariance, incumbent)[: grid.size]
    return ToyStep(
        points=points,
        values=values,
        grid=grid,
        mean=mean[: grid.size],
        deviation=np.sqrt(np.maximum(np.diag(covariance)[: grid.size], 0)),
        acquisition=acquisition,
        best=float(queries[incumbent, 0]),
        best_mean=float(mean[incumbent]),
        following=float(grid[np.argmax(acquisition)]),
    )
