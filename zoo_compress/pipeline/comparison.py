"""Two models compared sample by sample, without keeping their outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Inputs, Progress, ProgressCallback, ignore_progress
from zoo_compress.runtime.evaluator import Outputs
from zoo_compress.runtime.pairs import ModelPair
from zoo_compress.stats.certificates import top_answers_differ
from zoo_compress.stats.distances import Distance
from zoo_compress.stats.distances.layout import float_outputs
from zoo_compress.stats.distances.relational import relational_kernel
from zoo_compress.stats.u_statistics import mean_and_variance, pair_mean_and_variance

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How far two models are from each other on n samples.

    Attributes:
        distances: The distance of each sample, shape (n,), infinity where an output of the
            compressed model is NaN, infinite or of another shape. None for a distance of degree
            2, which has a value for pairs only.
        kernel: The value of each pair of samples, shape (n, n), for a distance of degree 2.
        differing: Whether the top answers differ, shape (n,); None if they were not compared.
    """

    distances: Vector | None = None
    kernel: Matrix | None = None
    differing: npt.NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        found = (
            part for part in (self.distances, self.kernel, self.differing) if part is not None
        )
        return max(map(len, found), default=0)

    @property
    def unusable(self) -> int:
        """Number of samples whose distance is infinite."""
        if self.distances is not None:
            return int(np.isinf(self.distances).sum())
        return 0 if self.kernel is None else int(np.isinf(self.kernel).all(axis=1).sum())

    def estimate(self) -> tuple[float, float]:
        """Return the mean distance and the estimated variance of that mean.

        Raises:
            ValueError: If there are fewer samples than the distance's degree + 1.
        """
        if self.kernel is not None:
            return pair_mean_and_variance(self.kernel)
        assert self.distances is not None
        return mean_and_variance(self.distances)

    def without_first(self, count: int) -> Comparison:
        """Return what is left when the first `count` samples are left out."""
        return Comparison(
            distances=None if self.distances is None else self.distances[count:],
            kernel=None if self.kernel is None else self.kernel[count:, count:],
            differing=None if self.differing is None else self.differing[count:],
        )


def compare(
    pair: ModelPair,
    inputs: Inputs,
    *,
    distance: Distance,
    top_answers: bool,
    progress: ProgressCallback = ignore_progress,
) -> Comparison:
    """Run two models side by side and keep of each sample only what a certificate needs.

    Memory grows with the number of samples, not with the size of the outputs. The relational
    distance keeps one vector of each model per sample.

    Args:
        pair: The models.
        inputs: The samples, compared in their order.
        distance: Measures how far the outputs are apart; its normalisation is its own and does
            not depend on these samples.
        top_answers: Whether to compare the top answers too.
        progress: Told the number of samples done.

    Raises:
        InputError: If a sample does not run.
        OriginalModelError: If the original returns NaN or infinity; the sample is named.
        ValueError: If the top answers are wanted of a model without classes.
    """
    distances: list[float] = []
    vectors: list[tuple[Vector, Vector]] = []
    differing: list[bool] = []
    for done, (feed, name) in enumerate(zip(inputs.feeds, inputs.names, strict=True), start=1):
        original, compressed = pair.both(feed, sample=name)
        if distance.degree == 1:
            distances.append(distance.between(original, compressed))
        else:
            vectors.append(distance.vectors(original, compressed))
        if top_answers:
            differing.append(answers_differ(original, compressed))
        progress(Progress(stage="certify", done=done, total=len(inputs)))
    return Comparison(
        distances=np.array(distances) if distance.degree == 1 else None,
        kernel=relational_kernel(*map(np.stack, zip(*vectors, strict=True))) if vectors else None,
        differing=np.array(differing, dtype=np.bool_) if top_answers else None,
    )


def answers_differ(original: Outputs, compressed: Outputs) -> bool:
    """Tell whether the top answers differ; with NaN or infinity in an output they do."""
    finite = all(np.isfinite(compressed[index]).all() for index in float_outputs(original))
    return not finite or top_answers_differ(original, compressed)
