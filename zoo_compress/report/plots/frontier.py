"""The frontier of size and distance that a run's trials make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter

from zoo_compress.report.plots.style import (
    BLUE,
    GREEN,
    MUTED,
    VERMILLION,
    label_panel,
    legend_below,
    new_figure,
)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A measured plan.

    Attributes:
        size: Its share of the original's bytes.
        distance: Its distance, positive.
        error: Standard error of the distance.
    """

    size: float
    distance: float
    error: float


def draw_frontier(
    front: Sequence[Point],
    others: Sequence[Point],
    *,
    chosen: Point | None,
    title: str,
    vertical: str,
) -> Figure:
    """Draw distance against size, both logarithmic, the front as steps with error bars.

    The original, at size 1 and distance 0, is marked below all others: a logarithmic axis has
    no 0. Between two points of the front the smaller one answers: the steps show the least
    distance measured at most at that size.

    Args:
        front: The plans that no other beats, in any order.
        others: The rest.
        chosen: The plan to mark.
        title: Heading.
        vertical: Name of the distance.
    """
    figure, (panel,) = new_figure(width=6.6, height=4.4, title=title)
    ordered = sorted(front, key=lambda point: point.size)
    sizes, distances = [p.size for p in ordered], [p.distance for p in ordered]
    # An error bar that reaches zero has no lower end on a logarithmic axis.
    below = [min(p.error, 0.9 * p.distance) for p in ordered]
    panel.scatter(
        [p.size for p in others],
        [p.distance for p in others],
        s=12,
        color=MUTED,
        alpha=0.5,
        linewidths=0,
        label="other plans measured",
    )
    panel.step(sizes, distances, where="post", color=BLUE, linewidth=1.2)
    panel.errorbar(
        sizes,
        distances,
        yerr=(below, [p.error for p in ordered]),
        fmt="o",
        color=BLUE,
        markersize=4.5,
        elinewidth=1.0,
        capsize=2.5,
        label="Pareto front ± standard error",
    )
    if chosen is not None:
        panel.plot(
            [chosen.size],
            [chosen.distance],
            marker="D",
            markersize=9,
            linestyle="none",
            markerfacecolor="none",
            markeredgecolor=VERMILLION,
            markeredgewidth=1.8,
            label="chosen",
        )
    panel.plot(
        [1.0],
        [0.0],
        transform=panel.get_xaxis_transform(),
        marker="*",
        markersize=12,
        linestyle="none",
        color=GREEN,
        clip_on=False,
        zorder=3,
        label="original (distance 0)",
    )
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    panel.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    panel.xaxis.set_minor_formatter(NullFormatter())
    label_panel(panel, horizontal="size, share of the original's bytes", vertical=vertical)
    legend_below(figure, panel, columns=4)
    return figure
