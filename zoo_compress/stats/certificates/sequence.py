"""One statement about several models, ordered from least to most compressed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zoo_compress.core import Certificate
from zoo_compress.stats.bounds import clopper_pearson_upper
from zoo_compress.stats.fixed_sequence import fixed_sequence


@dataclass(frozen=True, kw_only=True)
class CertifiedSequence:
    """Which of several models may be called within a limit, all at once.

    Attributes:
        last: Index of the last model that passed, with all before it; None if not even the first
            did.
        bounds: Upper bound of each model's disagreement, the later ones included. Each holds on
            its own, and not for a model that was chosen by it.
        certificate: What holds for models 0 to `last` at once; None if `last` is.
    """

    last: int | None
    bounds: tuple[float, ...]
    certificate: Certificate | None


def certify_sequence(
    differing: Sequence[int], n: int, *, limit: float, confidence: float, scope: str
) -> CertifiedSequence:
    """Find how far along a sequence of models the disagreement stays within a limit.

    The models are tested by `fixed_sequence` on Clopper-Pearson bounds, all on the same inputs.
    Their order must be fixed before these inputs are seen.

    Args:
        differing: For each model, least to most compressed, the inputs on which its top answer
            differs from the original's.
        n: All inputs.
        limit: Largest acceptable share of inputs, in (0, 1).
        confidence: In (0, 1).
        scope: What the statement speaks of.

    Raises:
        ValueError: If there is no model, or an argument is out of range.
    """
    if not differing:
        raise ValueError("a sequence needs at least one model")
    if not 0 < limit < 1:
        raise ValueError(f"a limit on disagreement must lie between 0 and 1, not {limit}")
    bounds = tuple(clopper_pearson_upper(count, n, confidence) for count in differing)
    passed = sum(fixed_sequence([limit] * len(bounds), bounds))
    if passed == 0:
        return CertifiedSequence(last=None, bounds=bounds, certificate=None)
    certificate = Certificate(
        kind="disagreement-sequence",
        bound=limit,
        confidence=confidence,
        n=n,
        observed=differing[passed - 1] / n,
        scope=scope,
        statement=(
            f"With {100 * confidence:.4g} % confidence each of the first {passed} of "
            f"{len(bounds)} models, ordered from least to most compressed, gives another top "
            f"answer than the original on at most {100 * limit:.4g} % of inputs "
            f"({differing[passed - 1]} of {n} for the last of them)."
        ),
    )
    return CertifiedSequence(last=passed - 1, bounds=bounds, certificate=certificate)
