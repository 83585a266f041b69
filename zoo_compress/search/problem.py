"""What a strategy is given, and what it remembers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from zoo_compress.core import Trial
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.space import SearchSpace, Theta


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Minimise the distance among plans that take at most so many bytes.

    Attributes:
        space: What may be chosen.
        limit_bytes: The most bytes that the whole model may take.
        sensitivity: What the scan found.
        seed: Seed of all random choices.
    """

    space: SearchSpace
    limit_bytes: int
    sensitivity: Sensitivity
    seed: int


@dataclass
class History:
    """The trials so far, in the form that strategies compute with.

    Attributes:
        thetas: Plans as arrays.
        distances: Mean distance of each; infinity where it is not finite.
        variances: Variance of each of these means.
    """

    space: SearchSpace
    thetas: list[Theta] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)
    variances: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.thetas)

    def add(self, trial: Trial) -> None:
        """Remember a trial."""
        self.thetas.append(self.space.theta(trial.plan))
        distance = trial.measurement.distance
        self.distances.append(distance if np.isfinite(distance) else np.inf)
        self.variances.append(trial.measurement.variance)

    def seen(self, theta: Theta) -> bool:
        """Return whether a plan was measured before."""
        return any(np.array_equal(theta, known) for known in self.thetas)

    def best(self) -> Theta:
        """Return the plan of least measured distance."""
        return self.thetas[int(np.argmin(self.distances))]

    def generator(self, seed: int) -> np.random.Generator:
        """Return the generator for the next proposal.

        It depends on the seed and on how many trials there are, on nothing else, so that a
        resumed search proposes what the uninterrupted one would have proposed.
        """
        return np.random.default_rng([seed, len(self)])
