"""What a diagnosis found, and the numbers that its figures show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zoo_compress.pipeline.plan_effects import PlanEffects
from zoo_compress.pipeline.site_effects import SiteEffect
from zoo_compress.stats.normality import (
    LARGEST_SKEWNESS,
    LEAST_COVERAGE,
    NOMINAL_COVERAGE,
    Normality,
    recommended_inputs,
)
from zoo_compress.stats.u_statistics import mean_and_variance

if TYPE_CHECKING:
    from zoo_compress.search.toy import ToyStep

WEIGHT_ERROR = "weight error"
RULE = (
    f"smallest n from which on |skewness| <= {LARGEST_SKEWNESS:g} and at least "
    f"{100 * LEAST_COVERAGE:g} % of the nominal {100 * NOMINAL_COVERAGE:g} % intervals hold"
)
RESAMPLING = "inputs drawn with replacement, a random plan for each repetition"
NORMALITY_TEST = "D'Agostino-Pearson K^2"


@dataclass(frozen=True, kw_only=True, eq=False)
class Findings:
    """All that the figures show.

    Attributes:
        name: What titles call the model.
        distance: What the distance is, in words.
        error_kind: What the errors are: `top-1 error`, `disagreement` or `weight error`.
        normality: One row per number of inputs.
        plans: What random plans do.
        sites: What options do on their own.
        site_inputs: Which inputs that was measured on.
        original_error: Share of wrong answers of the original on these, if labels tell.
        toy: The steps of the toy search.
    """

    name: str
    distance: str
    error_kind: str
    normality: Sequence[Normality]
    plans: PlanEffects
    sites: Sequence[SiteEffect]
    site_inputs: Sequence[int]
    original_error: float | None
    toy: Sequence[ToyStep]

    @property
    def drawn_sites(self) -> list[SiteEffect]:
        """The options whose outputs are finite."""
        return [effect for effect in self.sites if math.isfinite(effect.distance)]

    @property
    def spearman(self) -> float | None:
        """Rank correlation of distance and error over single options; None if one is constant."""
        from scipy.stats import spearmanr

        distances = [effect.distance for effect in self.drawn_sites]
        errors = [effect.error for effect in self.drawn_sites]
        if len(set(distances)) < 2 or len(set(errors)) < 2:
            return None
        return float(spearmanr(distances, errors).statistic)

    @property
    def plan_points(self) -> list[tuple[float, float]]:
        """Distance and error of whole plans, on the inputs of the single options."""
        if self.plans.wrong is None:
            return []
        distances = self.plans.distances[:, self.site_inputs].mean(axis=1)
        errors = self.plans.wrong[:, self.site_inputs].mean(axis=1)
        return list(zip(distances.tolist(), errors.tolist(), strict=True))

    @property
    def losses(self) -> tuple[str, ...]:
        """What could not be drawn, in words."""
        lost = {
            "random plans are left out: their outputs are not finite, or their distances do not "
            "vary": self.plans.left_out,
            "options are not drawn: their outputs are not finite": (
                len(self.sites) - len(self.drawn_sites)
            ),
        }
        return tuple(f"{count} {what}" for what, count in lost.items() if count)

    def numbers(self) -> dict[str, Any]:
        """Return what the figures show, as JSON values."""
        return {
            "normality": self._normality(),
            "distance_error": self._distance_error(),
            "acquisition": [_step(step) for step in self.toy],
        }

    def _normality(self) -> dict[str, Any]:
        plans = zip(self.plans.stored_bytes, self.plans.distances, strict=True)
        return {
            "resampling": RESAMPLING,
            "test": NORMALITY_TEST,
            "rule": RULE,
            "recommended_inputs": recommended_inputs(self.normality),
            "sizes": [_size(row) for row in self.normality],
            "plans": [_plan(size, distances) for size, distances in plans],
        }

    def _distance_error(self) -> dict[str, Any]:
        return {
            "distance": self.distance,
            "error": self.error_kind,
            "classifier": self.error_kind != WEIGHT_ERROR,
            "inputs": len(self.site_inputs),
            "original_error": self.original_error,
            "spearman": self.spearman,
            "sites": [_site(effect) for effect in self.sites],
            "plans": [
                {"distance": distance, "error": error} for distance, error in self.plan_points
            ],
        }


def _size(row: Normality) -> dict[str, Any]:
    return {
        "n": row.n,
        "skewness": row.skewness,
        "p_value": row.p_value,
        "coverage": row.coverage,
        "acceptable": row.acceptable,
        "standardised": _rounded(row.standardised),
    }


def _plan(stored_bytes: int, distances: npt.NDArray[np.float64]) -> dict[str, Any]:
    mean, variance = mean_and_variance(distances)
    return {
        "stored_bytes": stored_bytes,
        "distance": mean,
        "standard_error": math.sqrt(variance),
    }


def _site(effect: SiteEffect) -> dict[str, Any]:
    finite = math.isfinite(effect.distance)
    return {
        "site": effect.site,
        "kind": effect.kind,
        "option": effect.option.label,
        "stored_bytes": effect.option.stored_bytes,
        "distance": effect.distance if finite else None,
        "standard_error": effect.standard_error if finite else None,
        "error": effect.error if math.isfinite(effect.error) else None,
    }


def _step(step: ToyStep) -> dict[str, Any]:
    return {
        "points": _rounded(step.points),
        "values": _rounded(step.values),
        "best": step.best,
        "best_mean": step.best_mean,
        "next": step.following,
        "acquisition": float(step.acquisition.max()),
    }


def _rounded(values: npt.NDArray[np.float64]) -> list[float]:
    """Return six significant digits, more than a figure shows."""
    return [float(f"{value:.6g}") for value in values]
