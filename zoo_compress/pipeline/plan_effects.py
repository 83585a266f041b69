"""What random plans do, input by input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Plan
from zoo_compress.errors import InputError
from zoo_compress.pipeline.pool import Flags, Pool, Vector
from zoo_compress.search.moves import random_plan
from zoo_compress.search.problem import Problem
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.space import SearchSpace


@dataclass(frozen=True, kw_only=True, eq=False)
class PlanEffects:
    """The effects of M plans on N inputs.

    Attributes:
        stored_bytes: Size of the model under each plan.
        distances: Distance of each plan on each input, shape (M, N), finite, no row constant.
        wrong: Whether each plan answers each input wrongly, shape (M, N); None for a model that
            is no classifier.
        left_out: Plans that were measured too but give outputs that are not finite, or distances
            that are the same for every input.
    """

    stored_bytes: tuple[int, ...]
    distances: npt.NDArray[np.float64]
    wrong: npt.NDArray[np.bool_] | None
    left_out: int


def random_plans(space: SearchSpace, *, count: int, rng: np.random.Generator) -> list[Plan]:
    """Draw plans for random sizes, log-uniform from the smallest possible to the original's.

    Within a size the level of each site is drawn uniformly and projected onto it, see
    `search.moves.random_plan`.
    """
    smallest = space.separable_bytes(space.smallest)
    largest = space.separable_bytes(space.largest)
    blank = Sensitivity(distortion=np.zeros(space.level_bytes.shape))
    plans = []
    for _ in range(count):
        limit = int(smallest * (largest / smallest) ** rng.random())
        problem = Problem(space=space, limit=limit, sensitivity=blank, seed=0)
        plans.append(space.plan(random_plan(problem, rng)))
    return plans


def measure_plans(
    pool: Pool,
    space: SearchSpace,
    *,
    count: int,
    rng: np.random.Generator,
    report: Callable[[str], None],
) -> PlanEffects:
    """Measure random plans, each on all inputs.

    Args:
        pool: The inputs, two or more.
        space: What to draw from.
        count: Plans to draw.
        rng: Where they are drawn from.
        report: Told once for each plan.

    Raises:
        InputError: If no plan gives finite outputs whose distance varies between inputs.
    """
    kept: list[tuple[int, Vector, Flags | None]] = []
    for plan in random_plans(space, count=count, rng=rng):
        distances, wrong = pool.measure(plan, range(len(pool)))
        if np.isfinite(distances).all() and np.ptp(distances) > 0:
            kept.append((space.stored_bytes(space.theta(plan)), distances, wrong))
        report("random plans")
    if not kept:
        raise InputError(
            f"none of {count} random plans gives finite outputs whose distance varies between "
            "inputs"
        )
    wrong_answers = [wrong for _, _, wrong in kept if wrong is not None]
    return PlanEffects(
        stored_bytes=tuple(size for size, _, _ in kept),
        distances=np.array([distances for _, distances, _ in kept]),
        wrong=np.array(wrong_answers) if wrong_answers else None,
        left_out=count - len(kept),
    )
