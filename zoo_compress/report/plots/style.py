"""The look that all figures share, and how they are written."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from zoo_compress.files import atomic_write

BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
ORANGE = "#E69F00"
SKY = "#56B4E9"
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
"""Okabe and Ito's colours, told apart with every common colour blindness; their yellow and black
are left out, the one too pale for lines on white, the other kept for text."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""So that no series is told by colour alone. One more than colours, so that pairs of both repeat
only after 42 series."""

INK = "#222222"
MUTED = "#6b6b6b"
GRID = "#e3e3e3"

TITLE_SIZE = 11.0
LABEL_SIZE = 9.5
TICK_SIZE = 8.5
DOTS_PER_INCH = 150
# Of one picture: a dozen, each in the shades that smooth the edges of letters.
COLOURS = 128
# Names inside an SVG are hashes of its content and of this; without it they are random.
SVG_SALT = "zoo-compress"


def new_figure(
    *,
    rows: int = 1,
    columns: int = 1,
    width: float = 6.4,
    height: float = 4.2,
    title: str | None = None,
    height_ratios: tuple[float, ...] | None = None,
    margins: Mapping[str, float] | None = None,
) -> tuple[Figure, list[Axes]]:
    """Return an empty figure and its panels, in the common look.

    No global state of matplotlib is read for colours or changed: the figure belongs to nobody
    but the caller, and is freed with it.

    Args:
        rows: Rows of panels.
        columns: Columns of panels.
        width: In inches.
        height: In inches.
        title: Heading above all panels.
        height_ratios: Relative heights of the rows.
        margins: What `Figure.subplots_adjust` takes, for panels that stay where they are from
            frame to frame; None for a layout that follows the labels.

    Returns:
        The figure and its panels, row by row.
    """
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    if margins is None:
        figure.set_layout_engine("constrained")
    else:
        figure.subplots_adjust(**margins)
    figure.set_facecolor("white")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False, height_ratios=height_ratios)
    panels: list[Axes] = list(grid.ravel())
    for panel in panels:
        style_panel(panel)
    if title is not None:
        # A name from a file may hold what matplotlib takes for a formula.
        figure.suptitle(
            printable(title), color=INK, fontsize=TITLE_SIZE, fontweight="bold", parse_math=False
        )
    return figure, panels


def printable(text: str) -> str:
    """Return `text` as one line without characters that no font shows."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def style_panel(panel: Axes) -> None:
    """Give a panel two spines, quiet ticks, a pale grid and the palette."""
    panel.set_prop_cycle(color=PALETTE)
    panel.set_axisbelow(True)
    panel.grid(visible=True, color=GRID, linewidth=0.7)
    panel.tick_params(which="both", color=MUTED, labelcolor=INK, labelsize=TICK_SIZE)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        panel.spines[side].set_color(MUTED)


def label_panel(
    panel: Axes, *, horizontal: str = "", vertical: str = "", title: str | None = None
) -> None:
    """Write the names of the axes, units included, and the panel's title."""
    panel.set_xlabel(horizontal, color=INK, fontsize=LABEL_SIZE)
    panel.set_ylabel(vertical, color=INK, fontsize=LABEL_SIZE)
    if title is not None:
        panel.set_title(title, color=INK, fontsize=LABEL_SIZE, loc="left")


def legend_below(figure: Figure, *panels: Axes, columns: int = 4, outside: bool = True) -> None:
    """Name the labelled lines of all panels once, below them.

    Args:
        figure: The figure that the panels belong to.
        panels: Panels, no label in two of them.
        columns: Columns of the legend.
        outside: Whether the figure's layout makes room for it; a fixed layout has its own.
    """
    named = [panel.get_legend_handles_labels() for panel in panels]
    figure.legend(
        [handle for handles, _ in named for handle in handles],
        [label for _, labels in named for label in labels],
        loc="outside lower center" if outside else "lower center",
        ncols=columns,
        columnspacing=1.5,
        handletextpad=0.5,
        frameon=False,
        fontsize=TICK_SIZE,
        labelcolor=INK,
    )


def save_figure(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write a figure as PNG and as SVG, each whole or not at all.

    The same figure gives the same bytes: no date, no random names.

    Args:
        figure: The figure.
        folder: An existing folder.
        name: File name without its suffix.

    Returns:
        The paths of the PNG and of the SVG.

    Raises:
        DiskFullError: If the disk is full.
        OutputError: If a file cannot be written for another reason.
    """
    raster, vector = folder / f"{name}.png", folder / f"{name}.svg"
    atomic_write(raster, _rendered(figure, "png", {"Software": None}))
    atomic_write(vector, _rendered(figure, "svg", {"Date": None, "Creator": None}))
    return raster, vector


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG of few colours, a third of the bytes, whole or not at all.

    For pictures that travel with a model. The same figure gives the same bytes.

    Args:
        figure: The figure.
        path: The file; its folder must exist.

    Raises:
        DiskFullError: If the disk is full.
        OutputError: If the file cannot be written for another reason.
    """
    # To save a figure, matplotlib lays it out in a drawing of its own before it draws it.
    canvas: Any = FigureCanvasAgg(figure)
    with _unknown_letters():
        canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    reduced = io.BytesIO()
    indexed = picture.quantize(COLOURS, dither=Image.Dither.NONE)
    indexed.save(reduced, format="png", optimize=True)
    atomic_write(path, reduced.getvalue())


def _rendered(figure: Figure, kind: str, metadata: dict[str, str | None]) -> bytes:
    buffer = io.BytesIO()
    # Glyphs become outlines, so that an SVG looks the same whatever fonts its reader has.
    outlines = matplotlib.rc_context({"svg.hashsalt": SVG_SALT, "svg.fonttype": "path"})
    with _unknown_letters(), outlines:
        figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def _unknown_letters() -> AbstractContextManager[object]:
    """Have letters that the font lacks drawn as boxes, which the reader sees."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)
