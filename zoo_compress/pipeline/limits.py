"""Upper limits that certified bounds are held against."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo_compress.core import Certificate
from zoo_compress.errors import InputError, LimitError
from zoo_compress.pipeline.certify import is_share_of_variance
from zoo_compress.stats.betting import betting_upper
from zoo_compress.stats.bounds import required_inputs
from zoo_compress.stats.certificates import QUANTILES
from zoo_compress.stats.certificates.wording import rounded_up
from zoo_compress.stats.distances import Distance

DISAGREEMENT = "--max-disagreement"
DISTANCE = "--max-distance"

SEARCHED = 4
"""Times the fewest inputs of the Clopper-Pearson bound; betting took 1.13 times those."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A limit, and the bound that was certified.

    Attributes:
        option: The option that set the limit.
        limit: The largest bound that meets it.
        bound: The certified bound, in the unit of the limit.
        confidence: Confidence of the bound.
        claim: What is certified, for example `the top answers differ on at most 3 % of inputs`.
        needed: Fewest inputs with which the limit could be met, if all of them were equal.
    """

    option: str
    limit: float
    bound: float
    confidence: float
    claim: str
    needed: int

    @property
    def met(self) -> bool:
        """Whether the bound is at most the limit."""
        return self.bound <= self.limit

    @property
    def shortfall(self) -> str:
        """What to say of a limit that is not met."""
        return (
            f"{self.option} {self.limit:g} is not certified: with {100 * self.confidence:.4g} % "
            f"confidence {self.claim}; {self.needed} inputs would be enough if none differed"
        )


def require_limits(limits: Sequence[Limit]) -> None:
    """Check that every limit is met.

    Raises:
        LimitError: If one is not; each such is named with its bound.
    """
    missed = [limit.shortfall for limit in limits if not limit.met]
    if missed:
        raise LimitError("; ".join(missed))


def fewest_for_disagreement(limit: float, confidence: float) -> int:
    """Return the smallest n whose Clopper-Pearson bound is at most `limit` if none differs.

    Raises:
        ValueError: If limit or confidence is outside (0, 1).
    """
    return required_inputs(1 - limit, confidence)


def fewest_for_mean(limit: float, confidence: float) -> int:
    """Return the smallest n whose betting bound is at most `limit` if every distance is 0.

    Raises:
        ValueError: If limit or confidence is outside (0, 1).
    """
    # No bound that holds for 0/1 values is below Clopper-Pearson's; betting comes close to it.
    start = fewest_for_disagreement(limit, confidence)
    candidates = range(start, SEARCHED * start)
    return start + bisect_left(
        candidates, True, key=lambda n: betting_upper(np.zeros(n), confidence=confidence) <= limit
    )


def fewest_for_distance(distance: Distance, limit: float, confidence: float) -> int:
    """Return the fewest inputs that a limit on a distance takes.

    Raises:
        InputError: If no exact bound of the distance exists, or the limit says nothing of it.
    """
    if distance.degree != 1:
        raise InputError(
            f"{DISTANCE}: the {distance.name} distance has an asymptotic interval only, nothing "
            "that holds at a confidence; choose another with --distance"
        )
    if not distance.bounded:
        return required_inputs(QUANTILES[0], confidence)
    if limit >= 1:
        raise InputError(f"{DISTANCE} {limit:g}: the {distance.name} distance is never above 1")
    return fewest_for_mean(limit, confidence)


def require_enough(
    option: str, limit: float, *, needed: int, available: int, confidence: float, apart: int = 0
) -> None:
    """Check, before the models are compared, that there are inputs enough to meet a limit.

    Args:
        option: The option that set the limit.
        limit: The limit.
        needed: Fewest inputs with which it could be met.
        available: Inputs that there are.
        confidence: Confidence of the bound.
        apart: Further inputs, which only set the scale of the distance.

    Raises:
        InputError: If there are too few; the numbers are named.
    """
    if available < needed:
        raise InputError(
            f"{option} {limit:g} at {100 * confidence:.4g} % confidence takes at least {needed} "
            f"inputs, even if none differs; there are {available}{besides(apart)}"
        )


def besides(apart: int) -> str:
    """Return the words for inputs that only set the scale of a distance."""
    return f" besides {apart} that set the scale of the distance" if apart else ""


def disagreement_limit(limit: float, certificate: Certificate) -> Limit:
    """Hold the certificate of the top answers against a limit."""
    differing = round(certificate.observed * certificate.n)
    return Limit(
        option=DISAGREEMENT,
        limit=limit,
        bound=certificate.bound,
        confidence=certificate.confidence,
        claim=(
            f"the top answers differ on at most {rounded_up(100 * certificate.bound)} % of inputs "
            f"({differing} of {certificate.n} did)"
        ),
        needed=fewest_for_disagreement(limit, certificate.confidence),
    )


def distance_limit(limit: float, certificate: Certificate, distance: Distance) -> Limit:
    """Hold the first exact certificate of a distance against a limit.

    Of a bounded distance that is its mean, of another its 0.9 quantile as a share of
    `distance.scale`.
    """
    bound = distance.relative(certificate.bound)
    what, rest = (
        (f"mean {distance.noun}", "")
        if distance.bounded
        else (distance.noun, f" for {100 * QUANTILES[0]:.4g} % of inputs")
    )
    unit = " of the output variance" if is_share_of_variance(distance) else ""
    return Limit(
        option=DISTANCE,
        limit=limit,
        bound=bound,
        confidence=certificate.confidence,
        claim=f"the {what} is at most {rounded_up(bound)}{unit}{rest} ({certificate.n} measured)",
        needed=fewest_for_distance(distance, limit, certificate.confidence),
    )
