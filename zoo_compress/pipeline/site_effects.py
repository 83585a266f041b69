"""What single options of single weights do, distance beside error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zoo_compress.core import AnyArray, Option, Plan, Site
from zoo_compress.numerics.relative_error import relative_error
from zoo_compress.pipeline.pool import Pool
from zoo_compress.search.space import SearchSpace
from zoo_compress.stats.u_statistics import mean_and_variance

# The mildest, the middle and the most aggressive option show the range of a weight.
SHOWN_OPTIONS = 3


@dataclass(frozen=True, kw_only=True)
class SiteEffect:
    """The effect of one option on its own.

    Attributes:
        site: The weight.
        kind: What reads it, see `site_kind`.
        option: How it is stored.
        distance: Estimated distance of the outputs; infinity if an output is not finite.
        standard_error: Of `distance`.
        error: Share of wrong answers; for a model that is no classifier, the squared error of
            the weights as a share of their squares.
    """

    site: str
    kind: str
    option: Option
    distance: float
    standard_error: float
    error: float


def shown_options(options: Sequence[Option]) -> tuple[Option, ...]:
    """Return up to three options, evenly from the mildest to the most aggressive."""
    last = len(options) - 1
    picked = np.linspace(0, last, min(SHOWN_OPTIONS, len(options))).round().astype(int)
    return tuple(options[index] for index in picked)


def site_kind(site: Site) -> str:
    """Return the operator that reads a weight; convolutions by their kernel.

    `Conv 1×1`, `Conv 3×3` and so on, `Conv depthwise` where each input channel has kernels of
    its own; operators of tied weights are joined by ` + `.
    """
    operators = sorted({reader.op_type for reader in site.readers})
    if operators != ["Conv"]:
        return " + ".join(operators) or "unread"
    if site.shape[1] == 1 and site.shape[0] > 1:
        return "Conv depthwise"
    return f"Conv {'×'.join(map(str, site.shape[2:]))}"


def measure_sites(
    pool: Pool,
    space: SearchSpace,
    weights: Mapping[str, AnyArray],
    *,
    indices: Sequence[int],
    report: Callable[[str], None],
) -> list[SiteEffect]:
    """Measure up to three options of every site alone.

    Args:
        pool: The inputs.
        space: The sites and their options.
        weights: Original weights by site.
        indices: Inputs to measure on, at least two.
        report: Told the name of each site once an option of it is measured.
    """
    effects = []
    for site, options in zip(space.sites, space.options, strict=True):
        for option in shown_options(options):
            effects.append(_effect(pool, site, option, weights[site.name], indices))
            report(site.name)
    return effects


def _effect(
    pool: Pool, site: Site, option: Option, weight: AnyArray, indices: Sequence[int]
) -> SiteEffect:
    distances, wrong = pool.measure(Plan(choices={site.name: option}), indices)
    mean, variance = mean_and_variance(distances)
    if wrong is None:
        error = relative_error(weight, pool.encoder.encode(site.name, option).dense)
    else:
        error = float(wrong.mean())
    return SiteEffect(
        site=site.name,
        kind=site_kind(site),
        option=option,
        distance=mean,
        standard_error=float(np.sqrt(variance)),
        error=error,
    )
