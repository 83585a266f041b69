"""Where a model's bytes are, weight by weight, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from zoo_compress.report.plots.style import (
    INK,
    MUTED,
    PALETTE,
    TICK_SIZE,
    label_panel,
    legend_below,
    new_figure,
    printable,
)
from zoo_compress.units import readable_bytes

ROWS = 60
"""Weights with a bar of their own: as many as can be read without opening the picture alone."""
ROW_HEIGHT = 0.155
BAR = 0.74
LONGEST_NAME = 44
PALE = "#dcdcdc"
UNCHANGED = "unchanged"
HATCHES = ("", "////", "....")
"""For the techniques beyond the number of colours."""


@dataclass(frozen=True, kw_only=True)
class StoredWeight:
    """A weight's bytes and what made them fewer.

    Attributes:
        name: What the row is called.
        before: Bytes in the original.
        after: Bytes in the file.
        technique: Name of the technique; None for a weight that stayed as it was.
    """

    name: str
    before: int
    after: int
    technique: str | None


def draw_weights(weights: Sequence[StoredWeight], *, title: str) -> Figure:
    """Draw a bar for each weight: pale for the original's bytes, coloured for the file's.

    Rows come in the order of the model. With more than `ROWS` weights the largest have rows, and
    a line below them says what the others come to.

    Args:
        weights: The weights, in the order of the model; at least one.
        title: Heading.
    """
    rows, others = _largest(weights)
    figure, (panel,) = new_figure(width=7.4, height=1.5 + ROW_HEIGHT * len(rows), title=title)
    places = range(len(rows))
    panel.barh(places, [row.before for row in rows], height=BAR, color=PALE, label="original")
    kinds = _kinds(rows)
    for index, kind in enumerate(kinds):
        _draw_kind(panel, rows, kind, index)
    _tell(panel, rows, others)
    legend_below(figure, panel, columns=min(len(kinds) + 1, 5))
    return figure


def _draw_kind(panel: Axes, rows: Sequence[StoredWeight], kind: str, index: int) -> None:
    """Draw what is stored in one way: bars, and beside the names chips for bars that are thin."""
    chosen = [place for place, row in enumerate(rows) if _kind(row) == kind]
    after = [rows[place].after for place in chosen]
    chip = 0.012 * max(row.before for row in rows)
    for bars in (
        panel.barh(chosen, after, height=BAR, label=kind),
        panel.barh(chosen, chip, left=-1.6 * chip, height=BAR, clip_on=False),
    ):
        for bar in bars:
            bar.set(facecolor=_colour(kind, index), edgecolor="white", linewidth=0.0)
            bar.set_hatch(_hatch(kind, index))


def _tell(panel: Axes, rows: Sequence[StoredWeight], others: Sequence[StoredWeight]) -> None:
    """Name the rows at the left, and write their shares at the end of the bars."""
    longest = max(row.before for row in rows)
    for place, row in enumerate(rows):
        share = f"{100 * row.after / row.before:.3g} %" if row.before else ""
        panel.text(
            max(row.before, row.after) + 0.008 * longest,
            place,
            share,
            va="center",
            color=MUTED,
            fontsize=TICK_SIZE - 2,
        )
    panel.set_yticks(range(len(rows)), [_shortened(row.name) for row in rows])
    for label in panel.get_yticklabels():
        # A name from a file may hold what matplotlib takes for a formula.
        label.set_parse_math(False)
    panel.tick_params(axis="y", length=0, pad=9, labelsize=TICK_SIZE - 1.5, labelcolor=INK)
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.set_xlim(0, 1.09 * longest)
    panel.grid(visible=False, axis="y")
    panel.xaxis.set_major_formatter(EngFormatter(unit="B"))
    panel.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    label_panel(panel, horizontal=f"bytes, and the share of the original's{_sum_of(others)}")
    panel.xaxis.label.set_fontsize(TICK_SIZE)


def _largest(
    weights: Sequence[StoredWeight],
) -> tuple[list[StoredWeight], list[StoredWeight]]:
    """Return the weights that get a row and those that do not, each in the model's order."""
    by_size = sorted(range(len(weights)), key=lambda place: -weights[place].before)
    own, others = sorted(by_size[:ROWS]), sorted(by_size[ROWS:])
    return [weights[place] for place in own], [weights[place] for place in others]


def _sum_of(others: Sequence[StoredWeight]) -> str:
    if not others:
        return ""
    before, after = (sum(getattr(row, when) for row in others) for when in ("before", "after"))
    return (
        f"\n{len(others)} smaller weights are not drawn: {readable_bytes(before)} before, "
        f"{readable_bytes(after)} now"
    )


def _kind(row: StoredWeight) -> str:
    return row.technique or UNCHANGED


def _kinds(rows: Sequence[StoredWeight]) -> list[str]:
    """Return the techniques in alphabetical order, then what is none."""
    kinds = {_kind(row) for row in rows}
    return [*sorted(kinds - {UNCHANGED}), *sorted(kinds & {UNCHANGED})]


def _colour(kind: str, index: int) -> str:
    return INK if kind == UNCHANGED else PALETTE[index % len(PALETTE)]


def _hatch(kind: str, index: int) -> str:
    return "" if kind == UNCHANGED else HATCHES[index // len(PALETTE) % len(HATCHES)]


def _shortened(name: str) -> str:
    line = printable(name)
    if len(line) <= LONGEST_NAME:
        return line
    # The ends of names differ more often than their middles.
    return f"{line[: LONGEST_NAME // 3]}…{line[-2 * LONGEST_NAME // 3 + 1 :]}"
