"""The mean of an output distance that lies in [0, 1]."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Certificate
from zoo_compress.stats.betting import betting_upper
from zoo_compress.stats.certificates.wording import rounded_up


def certify_bounded_mean(
    distances: npt.ArrayLike, *, confidence: float, scope: str, noun: str
) -> Certificate:
    """Bound the mean of a bounded distance by betting, as `betting_upper` does.

    Args:
        distances: One distance per sample in [0, 1], shape (n,), in an order that was fixed
            before they were measured. One that is not finite counts as 1.
        confidence: In (0, 1).
        scope: What the statement speaks of.
        noun: What the statement calls the distance.

    Raises:
        ValueError: If there is no sample, a finite distance is outside [0, 1], or confidence out
            of range.
    """
    given = np.asarray(distances, dtype=np.float64)
    values = np.where(np.isfinite(given), given, 1.0)
    bound = betting_upper(values, confidence=confidence)
    observed = float(values.mean())
    return Certificate(
        kind="bounded-mean",
        bound=bound,
        confidence=confidence,
        n=values.size,
        observed=observed,
        scope=scope,
        statement=(
            f"With {100 * confidence:.4g} % confidence the mean {noun} to the original is at most "
            f"{rounded_up(bound)}, on a scale from 0 to 1 ({observed:.3g} over the {values.size} "
            "inputs measured)."
        ),
    )
