"""Small search problems, written down or drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Option, Site
from zoo_compress.search.objective import (
    LeastBytes,
    LeastBytesAgreeing,
    LeastDistance,
    Objective,
    Weighted,
)
from zoo_compress.search.problem import Problem
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.space import SearchSpace

Shared = Mapping[tuple[int, int], Mapping[str, int]]
"""Constants that the option of a (site, level) shares with others: name -> bytes."""

WIDEST_CODE = 8
OBJECTIVES = ("distance", "bytes", "bytes agreeing", "weighted")
"""Names of the objectives that `with_objective` knows."""


def space_of(
    level_bytes: Sequence[Sequence[int]], *, fixed_bytes: int = 100, shared: Shared | None = None
) -> SearchSpace:
    """Return a space of made-up sites.

    Args:
        level_bytes: For each site the bytes that it takes at level 0, 1, ...
        fixed_bytes: Bytes of everything else.
        shared: Which options share which constants.
    """
    constants = shared or {}
    return SearchSpace(
        sites=tuple(
            Site(name=f"site{i}.weight", shape=(4,), dtype="float32", channel_axis=0, readers=())
            for i in range(len(level_bytes))
        ),
        options=tuple(
            tuple(
                _option(level, int(size), constants.get((site, level), {}))
                for level, size in enumerate(sizes[1:], start=1)
            )
            for site, sizes in enumerate(level_bytes)
        ),
        dense_bytes=tuple(int(sizes[0]) for sizes in level_bytes),
        fixed_bytes=fixed_bytes,
    )


def problem_of(
    level_bytes: Sequence[Sequence[int]],
    distortion: npt.ArrayLike,
    limit_bytes: int,
    *,
    seed: int = 0,
    power: float = 1.0,
    shared: Shared | None = None,
) -> Problem:
    """Return the problem of least distance over made-up sites.

    Args:
        level_bytes: For each site the bytes that it takes at level 0, 1, ...
        distortion: What the scan found of each site at each level, shape (S, L).
        limit_bytes: The budget.
        seed: Seed of the search.
        power: Power of the distance in which contributions add up.
        shared: Which options share which constants.
    """
    sensitivity = Sensitivity(distortion=np.asarray(distortion, float), power=power)
    return Problem(
        space=space_of(level_bytes, shared=shared),
        limit=limit_bytes,
        sensitivity=sensitivity,
        seed=seed,
    )


def draw_problem(
    seed: int,
    *,
    sites: int = 6,
    share: float = 0.2,
    search_seed: int = 0,
    power: float = 1.0,
    shared: Shared | None = None,
) -> Problem:
    """Draw a problem that looks real: 8 to 2 bits a weight, errors growing fourfold a bit.

    Args:
        seed: Seed of the problem.
        sites: Number of sites.
        share: The budget, as a share of the original's bytes; 1/16 is the least.
        search_seed: Seed of the search.
        power: Power of the distance in which contributions add up.
        shared: Which options share which constants.
    """
    rng = np.random.default_rng(seed)
    weights = rng.integers(100, 2000, sites)
    table = weights[:, None] * np.array([32, 8, 7, 6, 5, 4, 3, 2]) // 8
    growth = 4.0 ** np.arange(7) * rng.lognormal(sigma=0.3, size=(sites, 7))
    effect = rng.lognormal(sigma=1.5, size=(sites, 1)) * np.sort(growth, axis=1)
    distortion = np.hstack([np.zeros((sites, 1)), 1e-3 * effect])
    limit = 100 + int(share * table[:, 0].sum())
    return problem_of(
        table.tolist(), distortion, limit, seed=search_seed, power=power, shared=shared
    )


def with_objective(problem: Problem, name: str) -> Problem:
    """Return a problem with the objective of that name, its aim well within reach.

    Args:
        problem: The problem.
        name: One of `OBJECTIVES`.
    """
    distance = reachable_distance(problem)
    original = problem.space.separable_bytes(problem.space.largest)
    known: dict[str, Objective] = {
        "distance": LeastDistance(),
        "bytes": LeastBytes(distance),
        "bytes agreeing": LeastBytesAgreeing(0.05, scale=16 * distance),
        "weighted": Weighted(1.0, original, scale=4 * distance),
    }
    return problem.aiming_at(known[name])


def reachable_distance(problem: Problem) -> float:
    """Return the distance predicted for the middle of the sizes within the limit, above 0."""
    within = problem.curve.log_distance[problem.curve.stored_bytes <= problem.limit]
    return float(np.exp(within[len(within) // 2]))


def _option(level: int, stored_bytes: int, shared: Mapping[str, int]) -> Option:
    settings = {"bits": WIDEST_CODE + 1 - level, "granularity": "channel"}
    return Option(technique="codes", settings=settings, stored_bytes=stored_bytes, shared=shared)
