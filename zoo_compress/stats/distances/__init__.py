"""Distances between the outputs of two models, one per file."""

from __future__ import annotations

from collections.abc import Sequence

from zoo_compress.core import Pooling, Task
from zoo_compress.stats.distances.base import Distance, Sample
from zoo_compress.stats.distances.cosine import Cosine
from zoo_compress.stats.distances.kl import KullbackLeibler
from zoo_compress.stats.distances.pooled import Pooled, pooled
from zoo_compress.stats.distances.relational import Relational
from zoo_compress.stats.distances.squared_l2 import SquaredL2
from zoo_compress.stats.distances.total_variation import TotalVariation

__all__ = ["DISTANCES", "Distance", "Sample", "default_distance", "output_distance"]

DISTANCES = tuple(
    kind.name for kind in (SquaredL2, TotalVariation, KullbackLeibler, Cosine, Relational)
)
"""Names of the distances, for `output_distance`."""


def output_distance(
    name: str,
    reference: Sequence[Sample],
    *,
    divisors: Sequence[float] | None = None,
    pooling: Pooling | None = None,
) -> Distance:
    """Make the distance of a name.

    Args:
        name: One of `DISTANCES`.
        reference: The outputs to compare with, one sequence of arrays per sample, finite.
        divisors: What `SquaredL2` divides each floating-point output by, instead of its variance
            over `reference`. The other distances have no divisors and do not read it.
        pooling: How vectors of tokens become one first; None to compare them token by token.

    Raises:
        ValueError: If there is no distance of that name, or it does not fit the outputs.
    """
    if pooling is not None:
        vectors = [pooled(sample, pooling) for sample in reference]
        return Pooled(output_distance(name, vectors, divisors=divisors), pooling)
    if name == SquaredL2.name:
        return SquaredL2(reference, divisors=divisors)
    for kind in (TotalVariation, KullbackLeibler, Cosine, Relational):
        if kind.name == name:
            return kind(reference)
    raise ValueError(f"there is no distance '{name}', only {', '.join(DISTANCES)}")


def default_distance(task: Task) -> str:
    """Return the name of the distance that suits a task where nobody chose one.

    An embedding's use is in its direction, hence the cosine. Squared L2 is the paper's distance,
    and the only one from which a risk bound follows.
    """
    return Cosine.name if task == "embedding" else SquaredL2.name
