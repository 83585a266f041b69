"""Statements about the mean of an unbounded distance, which only large samples support."""

from __future__ import annotations

from zoo_compress.core import Certificate
from zoo_compress.stats.asymptotic import (
    CROSS_ENTROPY,
    asymptotic_interval,
    asymptotic_upper,
    lipschitz_risk_bound,
)
from zoo_compress.stats.certificates.wording import rounded_down, rounded_up

CAVEAT = (
    "asymptotic: a normal approximation, and too optimistic for few inputs or skewed distances"
)


def certify_asymptotic_interval(
    estimate: float, variance: float, *, n: int, confidence: float, scope: str, noun: str
) -> Certificate:
    """State the normal interval of the mean of any distance, of either degree.

    Args:
        estimate: The mean distance, as `Distance.estimate` returns it.
        variance: The estimated variance of that mean.
        n: Number of samples.
        confidence: In (0, 1); asymptotic.
        scope: What the statement speaks of.
        noun: What the statement calls the distance.

    Returns:
        The certificate; its bound is the upper end.

    Raises:
        ValueError: If confidence is out of range or the variance negative.
    """
    lower, upper = asymptotic_interval(estimate, variance, confidence=confidence)
    return Certificate(
        kind="asymptotic-interval",
        bound=upper,
        confidence=confidence,
        n=n,
        observed=estimate,
        scope=scope,
        statement=(
            f"The mean {noun} to the original lies between {rounded_down(max(lower, 0.0))} and "
            f"{rounded_up(upper)} with {100 * confidence:.4g} % confidence ({CAVEAT}; {n} inputs "
            "measured)."
        ),
    )


def certify_lipschitz(
    estimate: float,
    variance: float,
    *,
    n: int,
    confidence: float,
    scope: str,
    constant: float = CROSS_ENTROPY,
    loss: str = "cross-entropy",
) -> Certificate:
    """State how much the mean of a Lipschitz loss can change, whatever the labels.

    K sqrt(U), U an asymptotic upper bound of the mean squared distance.

    Args:
        estimate: Mean squared L2 distance of the outputs that the loss reads (for cross-entropy
            the logits, of a single output, not probabilities), as `SquaredL2.estimate` returns it.
        variance: The estimated variance of that mean.
        n: Number of samples.
        confidence: In (0, 1); asymptotic.
        scope: What the statement speaks of.
        constant: Lipschitz constant K of the loss in the outputs.
        loss: What the statement calls the loss.

    Returns:
        The certificate; `observed` is K sqrt(estimate).

    Raises:
        ValueError: If an argument is out of range.
    """
    mean_squared = asymptotic_upper(estimate, variance, confidence=confidence)
    bound = lipschitz_risk_bound(mean_squared, constant=constant)
    return Certificate(
        kind="lipschitz-risk",
        bound=bound,
        confidence=confidence,
        n=n,
        observed=lipschitz_risk_bound(estimate, constant=constant),
        scope=scope,
        statement=(
            f"The mean {loss} (K-Lipschitz in the outputs, K = {constant:.4g}) differs from the "
            f"original's by at most {rounded_up(bound)} whatever the labels are, with "
            f"{100 * confidence:.4g} % confidence ({CAVEAT}; {n} inputs measured). Nothing "
            "follows for the accuracy."
        ),
    )
