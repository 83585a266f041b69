"""Density and Q-Q plot of the estimated distance, by number of inputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import beta, gaussian_kde, norm

from zoo_compress.report.plots.style import (
    BLUE,
    INK,
    LABEL_SIZE,
    SKY,
    VERMILLION,
    label_panel,
    legend_below,
    new_figure,
)
from zoo_compress.stats.normality import Normality

# Standardised estimates beyond this are drawn at the edge of the density panel's last bin.
REACH = 4.0
BINS = 32
BAND = 0.95


def draw_distance_normality(found: Sequence[Normality], *, title: str) -> Figure:
    """Draw one column per number of inputs: the density above, the Q-Q plot below.

    The density panel has a histogram of the standardised estimates, a kernel estimate and the
    standard normal density. The Q-Q panel has the ordered estimates against normal quantiles,
    the diagonal and, shaded, where each order statistic of normal draws lies with probability
    95 %.

    Args:
        found: At least one number of inputs.
        title: Heading of the figure.
    """
    columns = len(found)
    figure, panels = new_figure(
        rows=2, columns=columns, width=2.6 * columns + 0.6, height=5.6, title=title
    )
    for column, row in enumerate(found):
        _density(panels[column], row)
        _quantiles(panels[columns + column], row)
        label_panel(
            panels[column],
            title=f"n = {row.n}\nskewness {row.skewness:.2f}, coverage {100 * row.coverage:.0f} %",
            horizontal="standardised estimate",
        )
        label_panel(panels[columns + column], horizontal="normal quantile")
    panels[0].set_ylabel("density", color=INK, fontsize=LABEL_SIZE)
    panels[columns].set_ylabel("standardised estimate", color=INK, fontsize=LABEL_SIZE)
    _share_limits(panels[:columns])
    _share_limits(panels[columns:])
    legend_below(figure, panels[0], panels[columns])
    return figure


def _density(panel: Axes, row: Normality) -> None:
    edges = np.linspace(-REACH, REACH, BINS + 1)
    at = np.linspace(-REACH, REACH, 241)
    shown = np.clip(row.standardised, -REACH, REACH)
    panel.hist(shown, bins=edges.tolist(), density=True, color=SKY, alpha=0.45)
    panel.plot(at, gaussian_kde(row.standardised)(at), color=BLUE, label="estimated distance")
    panel.plot(at, norm.pdf(at), color=VERMILLION, linestyle="--", label="standard normal")


def _quantiles(panel: Axes, row: Normality) -> None:
    count = row.standardised.size
    rank = np.arange(1, count + 1)
    normal = norm.ppf((rank - 0.5) / count)
    tails = np.array([[(1 - BAND) / 2], [(1 + BAND) / 2]])
    low, high = norm.ppf(beta.ppf(tails, rank, count - rank + 1))
    band = panel.fill_between(normal, low, high, color=VERMILLION, alpha=0.18, linewidth=0)
    band.set_label("95 % of normal draws")
    panel.plot(normal, normal, color=VERMILLION, linestyle="--")
    panel.plot(normal, row.standardised, linestyle="", color=BLUE, marker="o", markersize=2.2)


def _share_limits(panels: Sequence[Axes]) -> None:
    """Give panels the same vertical range, so that columns compare."""
    low = min(panel.get_ylim()[0] for panel in panels)
    high = max(panel.get_ylim()[1] for panel in panels)
    for panel in panels:
        panel.set_ylim(low, high)
