"""Several claims tested on one sample, in an order fixed beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def fixed_sequence(limits: Sequence[float], bounds: Iterable[float]) -> tuple[bool, ...]:
    """Test claims "quantity k is at most limit k" one after the other, up to the first failure.

    Each claim is tested at the full level: it passes if its upper confidence bound is at most
    its limit. If every bound covers with a probability of at least c, then with a probability of
    at least c all claims that passed are true at once: a wrong one can only pass if the first
    wrong one in the order does. No correction is needed, however many claims there are and
    however they depend on each other.

    The order must be fixed before the sample is seen, for example least to most compressed by
    what the search measured on other inputs. What holds at once are the limits. The bounds
    themselves are each valid alone, and not for a claim chosen by them.

    Args:
        limits: The largest acceptable values, in the order of the claims.
        bounds: The upper confidence bounds, in the same order. A generator is asked for no more
            bounds than are needed, so models after the first failure need not be run:
            `fixed_sequence(limits, map(bound_of, models))`.

    Returns:
        Whether each claim passed; after the first failure, none does.

    Raises:
        ValueError: If the bounds end before the limits do.
    """
    passed = 0
    supply = iter(bounds)
    for limit in limits:
        bound = next(supply, None)
        if bound is None:
            raise ValueError(f"{len(limits)} limits but only {passed} bounds")
        if not bound <= limit:
            break
        passed += 1
    return (True,) * passed + (False,) * (len(limits) - passed)
