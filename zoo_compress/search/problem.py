"""What a strategy is given, and what it remembers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Trial
from zoo_compress.search.agreement import distance_at_disagreement
from zoo_compress.search.costs import Costs
from zoo_compress.search.curve import SizeCurve
from zoo_compress.search.objective import LeastDistance, Objective
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.space import SearchSpace, Theta

SMALLEST_DISTANCE = 1e-12
"""Of the distance predicted for the most compressed plan; below it all are equally good."""
LARGEST_DISTANCE = 1e150
"""Above it all are equally bad; weights and squares of it do not overflow."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Find the best plan among those that cost at most so much: bytes, or time.

    Attributes:
        space: What may be chosen.
        limit: The most that a whole plan may cost.
        sensitivity: What the scan found.
        seed: Seed of all random choices.
        objective: What is better. Those that move the limit do so among bytes.
        given_costs: What plans cost; None for their bytes.
    """

    space: SearchSpace
    limit: int
    sensitivity: Sensitivity
    seed: int
    objective: Objective = field(default_factory=LeastDistance)
    given_costs: Costs | None = None

    @property
    def costs(self) -> Costs:
        """What plans cost of that which is limited."""
        return self.space.costs if self.given_costs is None else self.given_costs

    @cached_property
    def curve(self) -> SizeCurve:
        """The best plans by the scan at all sizes."""
        return SizeCurve.of(self.space, self.sensitivity)

    @cached_property
    def smallest_distance(self) -> float:
        """A distance below which differences do not matter, above 0."""
        most = float(self.sensitivity.distances(self.space.smallest[None])[0])
        return SMALLEST_DISTANCE * (most or 1.0)

    def focused(self, history: History) -> Problem:
        """Return the problem with the size and the objective for the next proposal."""
        return self.objective.focused(self, history)

    def within(self, limit: int) -> Problem:
        """Return the same problem at another size, at least the smallest possible one."""
        smallest = self.costs.total(self.costs.least)
        return self._with(limit=min(max(limit, smallest), self.limit))

    def aiming_at(self, objective: Objective) -> Problem:
        """Return the same problem with another objective."""
        return self._with(objective=objective)

    def calibrated(self, history: History) -> npt.NDArray[np.float64]:
        """Return the log distances of `curve`, shifted by what the trials found, shape (P,)."""
        return self.curve.calibrated(history.sizes, history.residuals(self))

    def predicted(self, thetas: Sequence[Theta]) -> npt.NDArray[np.float64]:
        """Return the scan's prediction of the log distance of plans, shape (n,)."""
        if not len(thetas):
            return np.zeros(0)
        distances = self.sensitivity.distances(np.array(thetas))
        return np.log(np.maximum(distances, self.smallest_distance))

    def _with(self, **changes: object) -> Problem:
        changed = replace(self, **changes)  # type: ignore[arg-type]
        # Neither depends on size or objective, and both take a while.
        changed.__dict__.update(curve=self.curve, smallest_distance=self.smallest_distance)
        return changed


@dataclass
class History:
    """The trials so far, in the form that strategies compute with.

    Attributes:
        thetas: Plans as arrays.
        distances: Mean distance of each; infinity where it is not finite.
        variances: Variance of each of these means.
        sizes: Bytes of each.
        disagreements: Share of inputs whose top answer changed; None where there are no answers.
    """

    space: SearchSpace
    thetas: list[Theta] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)
    variances: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    disagreements: list[float | None] = field(default_factory=list)
    _keys: set[bytes] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.thetas)

    def add(self, trial: Trial) -> None:
        """Remember a trial."""
        found = trial.measurement
        theta = self.space.theta(trial.plan)
        self.thetas.append(theta)
        self._keys.add(theta.tobytes())
        self.distances.append(found.distance if np.isfinite(found.distance) else np.inf)
        self.variances.append(found.variance)
        self.sizes.append(found.stored_bytes)
        self.disagreements.append(found.disagreement)

    def spent(self, problem: Problem) -> npt.NDArray[np.float64]:
        """Return what each plan costs of that which the problem limits, shape (n,)."""
        return problem.costs.exact(np.array(self.thetas))

    def seen(self, theta: Theta) -> bool:
        """Return whether a plan was measured before."""
        return theta.tobytes() in self._keys

    def best(self, problem: Problem) -> Theta:
        """Return the plan to improve on: the best in the problem's order."""
        bounded = np.clip(self.distances, problem.smallest_distance, LARGEST_DISTANCE)
        losses = problem.objective.losses(np.log(bounded), self.spent(problem), problem.limit)
        return self.thetas[int(np.argmin(losses))]

    def residuals(self, problem: Problem) -> list[float]:
        """Return by how much each log distance exceeds its prediction; 0 if it is not finite."""
        floor = problem.smallest_distance
        pairs = zip(self.distances, problem.predicted(self.thetas), strict=True)
        return [
            float(np.log(max(distance, floor)) - predicted) if np.isfinite(distance) else 0.0
            for distance, predicted in pairs
        ]

    def distance_at_disagreement(self, share: float, *, scale: float) -> float:
        """Return the distance up to which the top answer changes on at most that share."""
        known = [
            (distance, found)
            for distance, found in zip(self.distances, self.disagreements, strict=True)
            if found is not None and 0 < distance < np.inf
        ]
        return distance_at_disagreement(share, known, scale=scale)

    def generator(self, seed: int) -> np.random.Generator:
        """Return the generator for the next proposal.

        It depends on the seed and on how many trials there are, on nothing else, so that a
        resumed search proposes what the uninterrupted one would have proposed.
        """
        return np.random.default_rng([seed, len(self)])
