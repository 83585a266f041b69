"""What the calibration inputs say of one site, and what may be repaired with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray, Repair, Site
from zoo_compress.numerics.feedback import FeedbackFactor
from zoo_compress.numerics.histogram import Histogram
from zoo_compress.numerics.moments import InputMoments
from zoo_compress.numerics.rows import from_rows, to_rows

Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """Knowledge of a site's inputs, for techniques to spend their bits where outputs feel it.

    Attributes:
        site: The site.
        moments: Moments of its inputs.
        repair: What the recipe allows.
        activations: How often the tensors at its ports hold which numbers, by tensor; empty where
            no technique asked for that.
    """

    site: Site
    moments: InputMoments
    repair: frozenset[Repair]
    activations: Mapping[str, Histogram] = field(default_factory=dict)

    @property
    def feedback(self) -> bool:
        """Whether rounding may make up for errors with the weights not yet rounded."""
        return "error-feedback" in self.repair

    @property
    def refit(self) -> bool:
        """Whether scales may be fitted to the outputs after rounding."""
        return "scale-refit" in self.repair

    @property
    def fits_factors(self) -> bool:
        """Whether the factors of a low rank may be chosen for the least error of the outputs."""
        return "factor-refit" in self.repair

    @property
    def corrects_bias(self) -> bool:
        """Whether what an encoding does to the mean output is taken back by the bias."""
        return "bias-correction" in self.repair and self.site.bias is not None

    @property
    def weighting(self) -> Rows:
        """M with E |dW x|^2 = sum of dW M dW^T, shape (G, K, K).

        The covariance of the inputs where the bias takes back the mean error, else E x x^T.
        """
        return self.moments.covariance if self.corrects_bias else self.moments.gram

    @property
    def factor(self) -> FeedbackFactor:
        """What rounding with feedback needs of `weighting`."""
        moments = self.moments
        return moments.covariance_factor if self.corrects_bias else moments.gram_factor

    def prepare(self) -> None:
        """Find `factor` now if it will be needed: those of all sites can be found side by side."""
        if self.feedback:
            _ = self.factor

    @property
    def factor_in_place(self) -> FeedbackFactor:
        """`factor` for columns in the order in which they are."""
        moments = self.moments
        if self.corrects_bias:
            return moments.covariance_factor_in_place
        return moments.gram_factor_in_place

    @cached_property
    def importance(self) -> Rows:
        """Power of the input that each weight is multiplied with, in the shape of the weight.

        Scaled to a mean of 1, at least 1e-6; 1 everywhere where all inputs are constant.
        """
        power = np.diagonal(self.weighting, axis1=1, axis2=2)[:, None, :]
        mean = float(power.mean())
        unit = np.maximum(power / mean, 1e-6) if mean > 0 else np.ones_like(power)
        outputs = self.site.shape[self.site.channel_axis] // self.site.groups
        rows = np.broadcast_to(unit, (power.shape[0], outputs, power.shape[2]))
        return from_rows(
            rows.astype(np.float32), self.site.shape, channel_axis=self.site.channel_axis
        )

    def rows(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return an array in the shape of the weight as rows, shape (G, O, K)."""
        return to_rows(array, channel_axis=self.site.channel_axis, groups=self.site.groups)

    def from_rows(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return rows, shape (G, O, K), in the shape of the weight."""
        return from_rows(rows, self.site.shape, channel_axis=self.site.channel_axis)

    def channel_errors(self, weight: AnyArray, dense: AnyArray) -> npt.NDArray[np.float64]:
        """Return E (dw x)^2 of each output channel, shape (channels,); it may be infinite."""
        change = self.rows(dense.astype(np.float32) - weight.astype(np.float32))
        return _powers(change, self.weighting).reshape(-1)

    def output_power(self, weight: AnyArray) -> float:
        """Return E |W x|^2."""
        rows = self.rows(weight.astype(np.float32))
        mean = np.einsum("gok,gk->go", rows, self.moments.mean, dtype=np.float64)
        return float(_powers(rows, self.moments.covariance).sum() + np.square(mean).sum())

    def output_error(
        self, weight: AnyArray, dense: AnyArray, *, power: float | None = None
    ) -> float:
        """Return E |dW x|^2 as a share of E |W x|^2; infinity if it is not finite.

        Args:
            weight: W.
            dense: What takes its place.
            power: `output_power`, if it is known; finding it takes as long as the rest.
        """
        error = float(self.channel_errors(weight, dense).sum())
        if error <= 0:
            return 0.0
        whole = self.output_power(weight) if power is None else power
        return error / whole if whole > 0 and np.isfinite(error) else np.inf

    def mean_error(self, weight: AnyArray, dense: AnyArray) -> npt.NDArray[np.float64]:
        """Return E dW x, by how much an encoding raises the mean of each output, shape (O,)."""
        change = self.rows(dense.astype(np.float32) - weight.astype(np.float32))
        shift: npt.NDArray[np.float64] = np.einsum(
            "gok,gk->go", change, self.moments.mean, dtype=np.float64
        )
        return shift.reshape(-1)


def _powers(rows: Rows, weighting: Rows) -> npt.NDArray[np.float64]:
    """Return w M w^T of each row w, shape (G, O)."""
    with np.errstate(over="ignore", invalid="ignore"):
        powers: npt.NDArray[np.float64] = np.sum((rows @ weighting) * rows, axis=2, dtype=float)
    return powers
