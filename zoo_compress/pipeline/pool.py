"""All inputs of a study, for figures that certify nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray, Plan
from zoo_compress.errors import OriginalModelError, SourceError
from zoo_compress.graph.proto import to_light_proto
from zoo_compress.pipeline.removal import reference_of
from zoo_compress.pipeline.study import Study
from zoo_compress.pipeline.task import token_pooling
from zoo_compress.runtime.evaluator import Outputs
from zoo_compress.runtime.evaluators import evaluator_on
from zoo_compress.stats.certificates import top_answers_differ
from zoo_compress.stats.distances import Distance, output_distance
from zoo_compress.techniques.candidates import Candidates
from zoo_compress.techniques.encoder import Encoder

Vector = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
ErrorKind = Literal["top-1 error", "disagreement"]


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Measures plans on the inputs of both sides of the split.

    Attributes:
        encoder: Encodes weights.
        candidates: Runs plans on all inputs.
        distance: Compares outputs on all inputs.
        labels: Class index of each input, for a classifier whose data carries them.
        error_kind: What a wrong answer is: one that differs from the label or, without labels,
            from the original's; None for models that are no classifiers.
    """

    encoder: Encoder
    candidates: Candidates
    distance: Distance
    labels: tuple[int, ...] | None
    error_kind: ErrorKind | None

    def __len__(self) -> int:
        return len(self.candidates.reference)

    def measure(self, plan: Plan, indices: Sequence[int]) -> tuple[Vector, Flags | None]:
        """Return the distance of each input at `indices`, and whether its answer is wrong."""
        outputs = self.candidates.outputs(plan, indices)
        return self.distance(outputs, indices), self._wrong(outputs, indices)

    def original_error(self, indices: Sequence[int]) -> float | None:
        """Return the share of wrong answers of the original, where that is not 0 by definition."""
        if self.labels is None:
            return None
        reference = self.candidates.reference
        return float(np.mean([self._is_wrong(reference[index], index) for index in indices]))

    def _wrong(self, outputs: Sequence[Outputs], indices: Sequence[int]) -> Flags | None:
        if self.error_kind is None:
            return None
        pairs = zip(outputs, indices, strict=True)
        return np.array([self._is_wrong(sample, index) for sample, index in pairs])

    def _is_wrong(self, outputs: Outputs, index: int) -> bool:
        if self.labels is None:
            return top_answers_differ(self.candidates.reference[index], outputs)
        scores = class_scores(outputs)
        return bool(np.isnan(scores).any() or int(scores.argmax()) != self.labels[index])


def pool_of(study: Study) -> Pool:
    """Open a study's model on all its inputs.

    Raises:
        OriginalModelError: If the original does not open, or returns NaN or infinity.
    """
    names = study.sized.space.tensors
    model, supplied = to_light_proto(study.prepared.model)
    try:
        feeds = study.inputs.feeds
        reference = reference_of(study.removal, study.artifact, feeds)
        device = study.candidates.evaluator.device
        evaluator = evaluator_on(
            device, model, feeds, replaceable=names, reference=reference, supplied=supplied
        )
    except SourceError as error:
        raise OriginalModelError(f"the original model does not open: {error}") from error
    classifies = study.task == "classification"
    labels = study.inputs.labels if classifies and _answers_once(evaluator.reference[0]) else None
    kind: ErrorKind = "disagreement" if labels is None else "top-1 error"
    return Pool(
        encoder=study.encoder,
        candidates=replace(study.candidates, evaluator=evaluator),
        distance=output_distance(
            study.distance.name,
            evaluator.reference,
            pooling=token_pooling(study.task, study.artifact),
        ),
        labels=None if labels is None else tuple(labels),
        error_kind=kind if classifies else None,
    )


def class_scores(sample: Outputs) -> AnyArray:
    """Return the first floating-point output with two or more classes.

    Raises:
        ValueError: If there is none.
    """
    for output in sample:
        if output.dtype.kind == "f" and output.ndim and output.shape[-1] > 1:
            return output
    raise ValueError("no output has two classes or more")


def _answers_once(sample: Outputs) -> bool:
    """Return whether a sample has one answer, as one label needs, and not one per position."""
    scores = class_scores(sample)
    return bool(scores.size == scores.shape[-1])
