"""Certificates: a model against its original, on inputs that were given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zoo_compress.core import AnyArray, Certificate, ProgressCallback
from zoo_compress.pipeline.comparison import Comparison, compare
from zoo_compress.pipeline.scope import scope_line
from zoo_compress.pipeline.study import Study
from zoo_compress.runtime.pairs import ModelPair
from zoo_compress.stats.certificates import (
    certify_asymptotic_interval,
    certify_bounded_mean,
    certify_disagreement,
    certify_lipschitz,
    certify_quantile,
)
from zoo_compress.stats.distances import Distance
from zoo_compress.stats.distances.class_output import ClassOutput
from zoo_compress.stats.distances.layout import float_outputs
from zoo_compress.stats.distances.squared_l2 import SquaredL2


def certify(study: Study, model_path: Path, progress: ProgressCallback) -> Certificate:
    """Return the certificate of a run's model that says most, as `certify_all` orders them.

    Raises:
        ZooCompressError: As `certify_all` does.
    """
    return certify_all(study, model_path, progress)[0]


def certify_all(
    study: Study, model_path: Path, progress: ProgressCallback
) -> tuple[Certificate, ...]:
    """Certify a run's model on the inputs that its search did not see.

    Both models run as the files that they are, in stock ONNX Runtime. The distance is normalised
    as it was for the search, so that it does not depend on the inputs of the certificate.

    Returns:
        What holds of the top answers, then what holds of the distance, exact statements first.

    Raises:
        InputError: If there are too few inputs for any statement.
        OriginalModelError: If the original returns NaN or infinity on one of them.
    """
    inputs = study.inputs.subset(study.split.certify)
    comparison = compare(
        ModelPair(study.artifact.model_path, model_path),
        inputs,
        distance=study.distance,
        top_answers=study.task == "classification",
        progress=progress,
    )
    scope = scope_line(inputs, kept_from_search=True)
    confidence = study.settings.confidence
    return (
        *top_answer_certificates(comparison, confidence=confidence, scope=scope),
        *distance_certificates(
            comparison,
            study.distance,
            logits=study.task == "classification" and holds_logits(study.candidates.reference),
            confidence=confidence,
            scope=scope,
        ),
    )


def top_answer_certificates(
    comparison: Comparison, *, confidence: float, scope: str
) -> tuple[Certificate, ...]:
    """State how often the top answers differ; nothing where they were not compared."""
    if comparison.differing is None:
        return ()
    count, n = int(comparison.differing.sum()), comparison.differing.size
    return (certify_disagreement(count, n, confidence=confidence, scope=scope),)


def distance_certificates(
    comparison: Comparison, distance: Distance, *, logits: bool, confidence: float, scope: str
) -> tuple[Certificate, ...]:
    """State what a comparison says about the distance, exact statements first.

    Each holds with `confidence` by itself. In this order: the mean of a bounded distance; a
    quantile of a distance of degree 1; the asymptotic interval of the mean; for squared L2
    between logits, the asymptotic Lipschitz bound of the cross-entropy.

    Args:
        comparison: What was measured.
        distance: What it was measured with.
        logits: Whether the outputs are one tensor of logits.
        confidence: In (0, 1).
        scope: What the statements speak of.

    Raises:
        InputError: If there are too few samples for any quantile.
    """
    estimate, variance = comparison.estimate()
    n, noun = len(comparison), distance.noun
    interval = certify_asymptotic_interval(
        estimate, variance, n=n, confidence=confidence, scope=scope, noun=noun
    )
    found = (
        *exact_certificates(comparison, distance, confidence=confidence, scope=scope),
        interval,
    )
    if not logits or distance.name != SquaredL2.name:
        return found
    risk = certify_lipschitz(estimate, variance, n=n, confidence=confidence, scope=scope)
    return (*found, risk)


def exact_certificates(
    comparison: Comparison, distance: Distance, *, confidence: float, scope: str
) -> tuple[Certificate, ...]:
    """State what holds of the distance at every sample size; nothing for one of degree 2."""
    values = comparison.distances
    if values is None:
        return ()
    quantile = certify_quantile(
        values,
        confidence=confidence,
        scope=scope,
        relative_to=distance.scale if is_share_of_variance(distance) else 0.0,
        noun=distance.noun,
    )
    if not distance.bounded:
        return (quantile,)
    mean = certify_bounded_mean(values, confidence=confidence, scope=scope, noun=distance.noun)
    return mean, quantile


def is_share_of_variance(distance: Distance) -> bool:
    """Tell whether `distance.relative` is a share of the variance of the original's outputs."""
    return distance.name == SquaredL2.name


def holds_logits(reference: Sequence[Sequence[AnyArray]]) -> bool:
    """Tell whether a classifier's reference outputs are one float tensor, not probabilities."""
    floats = [[sample[i] for i in float_outputs(sample)] for sample in reference]
    return len(floats[0]) == 1 and not ClassOutput(floats).holds_probabilities


def certificate_record(certificate: Certificate) -> dict[str, Any]:
    """Return a certificate as JSON values; None stands for infinity."""
    record = asdict(certificate)
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }
