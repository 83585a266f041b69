"""How often two classifiers' top answers differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo_compress.core import AnyArray, Certificate
from zoo_compress.stats.bounds import clopper_pearson_upper
from zoo_compress.stats.certificates.wording import rounded_up


def certify_disagreement(differing: int, n: int, *, confidence: float, scope: str) -> Certificate:
    """Bound how often the compressed model's top answer differs, from a count.

    Args:
        differing: Inputs on which it does, as `top_answers_differ` tells.
        n: All inputs.
        confidence: In (0, 1).
        scope: What the statement speaks of.

    Raises:
        ValueError: If there is no sample, or an argument is out of range.
    """
    if n == 0:
        raise ValueError("a certificate needs at least one sample")
    bound = clopper_pearson_upper(differing, n, confidence)
    share = rounded_up(100 * bound)
    return Certificate(
        kind="top1-disagreement",
        bound=bound,
        confidence=confidence,
        n=n,
        observed=differing / n,
        scope=scope,
        statement=(
            f"With {100 * confidence:.4g} % confidence the compressed model's top answer differs "
            f"from the original's on at most {share} % of inputs ({differing} of {n} "
            f"did), so that their accuracies differ by at most {share} percentage points "
            "whatever the labels are."
        ),
    )


def certify_top1(
    reference: Sequence[Sequence[AnyArray]],
    outputs: Sequence[Sequence[AnyArray]],
    *,
    confidence: float,
    scope: str,
) -> Certificate:
    """Bound how often the compressed model's top answer differs from the original's.

    Args:
        reference: The original's outputs, one sequence of arrays per sample.
        outputs: The compressed model's, in the same order.
        confidence: In (0, 1).
        scope: What the statement speaks of.

    Raises:
        ValueError: If there is no sample, or no float output with two or more classes.
    """
    pairs = zip(reference, outputs, strict=True)
    differing = sum(top_answers_differ(original, other) for original, other in pairs)
    return certify_disagreement(differing, len(reference), confidence=confidence, scope=scope)


def top_answers_differ(original: Sequence[AnyArray], other: Sequence[AnyArray]) -> bool:
    """Tell whether two models' top answers to one sample differ.

    The answer is the argmax over the last axis of the first floating-point output; with several
    positions, a sample differs if any position does. A sample with NaN, or whose output has
    another shape than the original's, differs.

    Args:
        original: The original's outputs.
        other: The compressed model's.

    Raises:
        ValueError: If the original has no float output with two or more classes.
    """
    index = _first_class_output(original)
    expected, found = original[index], other[index]
    if expected.shape != found.shape or np.isnan(found).any():
        return True
    return bool((expected.argmax(axis=-1) != found.argmax(axis=-1)).any())


def _first_class_output(sample: Sequence[AnyArray]) -> int:
    for index, output in enumerate(sample):
        if output.dtype.kind == "f":
            if output.ndim and output.shape[-1] > 1:
                return index
            raise ValueError(f"output {index} has shape {output.shape}, not two or more classes")
    raise ValueError("none of the model's outputs is of a floating-point type")
