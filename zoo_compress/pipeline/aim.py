"""What a run aims at: a budget, or a weight of distance against size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from zoo_compress.core import Task
from zoo_compress.errors import BudgetError
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.search.budget import FORMS, Budget
from zoo_compress.search.objective import (
    LeastBytes,
    LeastBytesAgreeing,
    LeastDistance,
    Objective,
    Weighted,
)
from zoo_compress.stats.bounds import required_inputs

DEFAULT_RECIPE = "balanced"
SPEED_RECIPES: Mapping[str, str] = {"cpu": "cpu-speed", "cuda": "gpu-speed"}
"""Kind of device -> the recipe whose options may be faster than the original there."""


@dataclass(frozen=True, kw_only=True)
class Aim:
    """A budget, or gamma of R + gamma L; exactly one of the two.

    Attributes:
        budget: The budget.
        gamma: Weight of the distance, relative as `Distance.relative` gives it, against the size
            ratio.
    """

    budget: Budget | None = None
    gamma: float | None = None

    @classmethod
    def of(cls, settings: RunSettings) -> Aim:
        """Read what the user asked for.

        Raises:
            BudgetError: If that is not exactly one of budget and gamma, or out of range.
        """
        return cls.read(settings.budget, settings.gamma)

    @classmethod
    def read(cls, budget: str | None, gamma: float | None) -> Aim:
        """Read a budget or a weight.

        Raises:
            BudgetError: If that is not exactly one of the two, or it is out of range.
        """
        if budget is not None and gamma is None:
            return cls(budget=Budget.parse(budget))
        if gamma is None or budget is not None:
            raise BudgetError(f"give a budget or --gamma, one of the two; a budget is {FORMS}")
        if not (gamma > 0 and math.isfinite(gamma)):
            raise BudgetError(f"--gamma {gamma:g}: must be above 0")
        return cls(gamma=gamma)

    @property
    def limits_size(self) -> bool:
        """Whether it sets the most bytes that a result may take."""
        return self.budget is not None and self.budget.limits_size

    @property
    def limits_disagreement(self) -> bool:
        """Whether it sets the share of top answers that may change."""
        return self.budget is not None and self.budget.kind == "disagreement"

    @property
    def latency(self) -> float | None:
        """The most of the original's time that a result may take; None if that is not limited."""
        limited = self.budget is not None and self.budget.kind == "latency"
        return self.budget.value if limited and self.budget is not None else None

    def recipe(self, device: str) -> str:
        """Return the recipe for this on a kind of device, where the user names none."""
        return DEFAULT_RECIPE if self.latency is None else SPEED_RECIPES[device]

    def require_speed(self, recipe: str, *, folded: bool, device: str) -> None:
        """Check that a recipe can make a model faster, if that is asked for.

        Args:
            recipe: Its name.
            folded: Whether its models run as the original does.
            device: Kind of the device.

        Raises:
            BudgetError: If it cannot.
        """
        if self.latency is not None and folded:
            raise BudgetError(
                f"budget {self}: the models of recipe '{recipe}' run as the original does and are "
                f"no faster; take --recipe {SPEED_RECIPES[device]}, or leave --recipe out"
            )

    def require_sense(self, original_bytes: int) -> None:
        """Check that a size budget asks for less than the original has.

        Raises:
            BudgetError: If it does not.
        """
        if self.budget is not None and self.budget.limits_size:
            self.budget.limit_bytes(original_bytes)

    def limit_bytes(self, original_bytes: int, *, otherwise: int) -> int:
        """Return the most bytes that a result may take; `otherwise` if size is not limited."""
        if self.budget is not None and self.budget.limits_size:
            return self.budget.limit_bytes(original_bytes)
        return otherwise

    def objective(self, original_bytes: int, *, scale: float, task: Task) -> Objective:
        """Return what a search for this minimises.

        Args:
            original_bytes: Size of the original.
            scale: The distance that counts as 1.
            task: What the outputs mean.

        Raises:
            BudgetError: If the model has no top answers to agree on, or outputs that do not vary.
        """
        if self.limits_size or self.latency is not None:
            return LeastDistance()
        if not scale > 0:
            raise BudgetError(
                "the original's outputs do not vary; only a budget of size or latency makes sense"
            )
        if self.budget is None:
            assert self.gamma is not None
            return Weighted(self.gamma, original_bytes, scale)
        if self.budget.kind == "distance":
            return LeastBytes(self.budget.value * scale)
        if task != "classification":
            raise BudgetError(
                f"budget {self}: the model is not known as a classifier, so that there are no top "
                "answers to agree on; give --task classification if it is one, or a distance "
                "budget"
            )
        return LeastBytesAgreeing(self.budget.value, scale)

    def require_inputs(self, n: int, confidence: float) -> None:
        """Check that so many inputs can certify what a disagreement budget asks for.

        Raises:
            BudgetError: If not even agreement on all of them would.
        """
        if self.budget is None or self.budget.kind != "disagreement":
            return
        needed = required_inputs(1 - self.budget.value, confidence)
        if n < needed:
            raise BudgetError(
                f"budget {self}: {n} inputs cannot certify that at {confidence:g} confidence, "
                f"even if all answers agree; {needed} are needed beside those of the search"
            )

    def __str__(self) -> str:
        """Return the budget or the weight as the user may type it."""
        return str(self.budget) if self.gamma is None else f"gamma={self.gamma:g}"
