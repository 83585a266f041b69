"""Estimated distance against an error, one point per option of a weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from zoo_compress.report.plots.style import (
    INK,
    MARKERS,
    MUTED,
    PALETTE,
    TICK_SIZE,
    label_panel,
    new_figure,
)

# Of a decade's length: the part of an axis from 0 to the least value shown on its own scale.
LINEAR_PART = 0.4
# In units of that value and of the largest one: room for marks at both ends.
BELOW_ZERO = 0.3
HEADROOM = 1.25
SHARES = (0.0, 1e-4, 1e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Where a logarithmic axis of shares is labelled."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points that share a colour and a marker.

    Attributes:
        name: What the legend calls them.
        distances: Estimated distances, not negative.
        errors: One error for each, not negative.
    """

    name: str
    distances: Sequence[float]
    errors: Sequence[float]


def draw_distance_error(
    series: Sequence[Series],
    *,
    title: str,
    horizontal: str,
    vertical: str,
    percent: bool = True,
    logarithmic: bool = True,
    resolution: float = 0.0,
    original: float | None = None,
) -> Figure:
    """Draw distance, on a logarithmic axis, against error.

    Zeros keep a place: an axis that has any is linear below its smallest other value.

    Args:
        series: One per kind of weight.
        title: Heading.
        horizontal: Name of the distance.
        vertical: Name of the error.
        percent: Whether the error is a share, labelled in per cent.
        logarithmic: Whether the error's axis is logarithmic.
        resolution: The smallest error that could be seen, for example one input's share.
        original: Error of the original model, drawn as a line.
    """
    figure, (panel,) = new_figure(width=7.2, height=4.8, title=title)
    for number, one in enumerate(series):
        panel.plot(
            one.distances,
            one.errors,
            linestyle="",
            color=PALETTE[number % len(PALETTE)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=5,
            markeredgecolor="white",
            markeredgewidth=0.5,
            alpha=0.85,
            label=one.name,
        )
    if original is not None:
        panel.axhline(original, color=MUTED, linestyle="--", linewidth=1, label="the original")
    _scale_axis(panel.xaxis, [value for one in series for value in one.distances])
    if logarithmic:
        errors = [value for one in series for value in one.errors]
        _scale_axis(panel.yaxis, errors, resolution)
    if percent:
        _label_shares(panel, resolution)
    label_panel(panel, horizontal=horizontal, vertical=vertical)
    _legend(panel)
    return figure


def _label_shares(panel: Axes, resolution: float) -> None:
    if panel.get_yscale() != "linear":
        shown = [share for share in SHARES if share == 0 or share >= resolution]
        panel.yaxis.set_major_locator(FixedLocator(shown))
        panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))


def _scale_axis(axis: Axis, values: Sequence[float], resolution: float = 0.0) -> None:
    """Make an axis logarithmic; with zeros among the values, linear around them."""
    positive = [value for value in values if value > 0]
    if not positive:
        return
    panel = axis.axes
    horizontal = axis is panel.xaxis
    set_scale = panel.set_xscale if horizontal else panel.set_yscale
    set_limits = panel.set_xlim if horizontal else panel.set_ylim
    if len(positive) == len(values):
        set_scale("log")
        return
    threshold = resolution or min(positive)
    set_scale("symlog", linthresh=threshold, linscale=LINEAR_PART)
    set_limits(-BELOW_ZERO * threshold, HEADROOM * max(positive))


def _legend(panel: Axes) -> None:
    legend = panel.legend(fontsize=TICK_SIZE, frameon=True, framealpha=0.9, labelcolor=INK)
    legend.get_frame().set_linewidth(0)
