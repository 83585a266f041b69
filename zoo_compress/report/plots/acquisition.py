"""The acquisition function at work on the toy, step by step."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from zoo_compress.files import atomic_write
from zoo_compress.report.plots.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    SKY,
    VERMILLION,
    label_panel,
    legend_below,
    new_figure,
)
from zoo_compress.search.toy import ToyStep, sinone

MILLISECONDS_PER_STEP = 1000
MILLISECONDS_AT_THE_END = 3000
GIF_DOTS_PER_INCH = 100
# Of the panels' width, left of them: where the axes' names stay from frame to frame.
LABEL_POSITION = -0.055
SHOWN_PER_UNIT = 1000
MARGINS = {"left": 0.105, "right": 0.98, "top": 0.93, "bottom": 0.15, "hspace": 0.12}
# Below this share of the largest acquisition of all steps, a step's own axis would show noise.
SMALLEST_ACQUISITION = 1e-3


def draw_acquisition(step: ToyStep, *, number: int, largest: float | None = None) -> Figure:
    """Draw one step: the objective and what is known of it above, the acquisition below.

    Args:
        step: What is known.
        number: Which step it is, from 1.
        largest: Top of the acquisition's axis; None for the step's own maximum.
    """
    figure, (above, below) = new_figure(
        rows=2,
        width=7.2,
        height=5.6,
        title=f"Step {number}: {step.points.size} noisy observations",
        height_ratios=(1.9, 1),
        margins=MARGINS,
    )
    _objective(above, step)
    _acquisition(below, step, largest or float(step.acquisition.max()))
    for panel in (above, below):
        panel.set_xlim(-0.01, 1.01)
    above.tick_params(labelbottom=False)
    legend_below(figure, above, below, columns=6, outside=False)
    return figure


def animate_acquisition(steps: Sequence[ToyStep], folder: Path, name: str) -> Path:
    """Write the steps as an animated GIF that repeats for ever; the last is shown longer.

    Args:
        steps: At least one.
        folder: An existing folder.
        name: File name without its suffix.

    Raises:
        DiskFullError: If the disk is full.
        OutputError: If the file cannot be written for another reason.
    """
    largest = max(float(step.acquisition.max()) for step in steps)
    frames = [
        _frame(draw_acquisition(step, number=number, largest=_ceiling(step, largest)))
        for number, step in enumerate(steps, start=1)
    ]
    pauses = [MILLISECONDS_PER_STEP] * (len(frames) - 1) + [MILLISECONDS_AT_THE_END]
    buffer = io.BytesIO()
    frames[0].save(
        buffer, format="GIF", save_all=True, append_images=frames[1:], duration=pauses, loop=0
    )
    path = folder / f"{name}.gif"
    atomic_write(path, buffer.getvalue())
    return path


def _ceiling(step: ToyStep, largest: float) -> float:
    return max(float(step.acquisition.max()), SMALLEST_ACQUISITION * largest)


def _objective(panel: Axes, step: ToyStep) -> None:
    low, high = step.mean - 2 * step.deviation, step.mean + 2 * step.deviation
    band = panel.fill_between(step.grid, low, high, color=SKY, alpha=0.35, linewidth=0)
    band.set_label("±2σ band")
    panel.plot(step.grid, sinone(step.grid), color=MUTED, linestyle="--", linewidth=1.2)
    panel.lines[-1].set_label("objective")
    panel.plot(step.grid, step.mean, color=BLUE, label="posterior mean")
    panel.plot(
        step.points,
        step.values,
        color=INK,
        linestyle="",
        marker="o",
        markersize=4.5,
        label="observations",
    )
    panel.plot(
        [step.best],
        [step.best_mean],
        color=GREEN,
        linestyle="",
        marker="*",
        markersize=15,
        markeredgecolor="white",
        label="current best",
    )
    panel.axvline(step.following, color=VERMILLION, linestyle=":", linewidth=1.4)
    panel.set_ylim(-0.35, 1.35)
    label_panel(panel, vertical="f(x)")
    panel.yaxis.set_label_coords(LABEL_POSITION, 0.5)


def _acquisition(panel: Axes, step: ToyStep, largest: float) -> None:
    shown = SHOWN_PER_UNIT * step.acquisition
    panel.fill_between(step.grid, 0, shown, color=ORANGE, alpha=0.3, linewidth=0)
    panel.plot(step.grid, shown, color=ORANGE)
    panel.axvline(step.following, color=VERMILLION, linestyle=":", linewidth=1.4)
    panel.plot(
        [step.following],
        [float(shown.max())],
        color=VERMILLION,
        linestyle="",
        marker="v",
        markersize=9,
        markeredgecolor="white",
        label="next point",
    )
    panel.set_ylim(0, 1.2 * SHOWN_PER_UNIT * largest or 1.0)
    label_panel(panel, horizontal="x", vertical="corrected expected\nimprovement (×10⁻³)")
    panel.yaxis.set_label_coords(LABEL_POSITION, 0.5)


def _frame(figure: Figure) -> Image.Image:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=GIF_DOTS_PER_INCH)
    # Medians of frequent colours would shift the small marks, which matter most.
    return (
        Image.open(buffer)
        .convert("RGB")
        .quantize(method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    )
