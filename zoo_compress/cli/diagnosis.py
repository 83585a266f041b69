"""What `diagnose` shows: the estimate by number of inputs, the recommendation, the files."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo_compress.cli.summary import shown
from zoo_compress.units import readable_share

if TYPE_CHECKING:
    from zoo_compress.pipeline import Diagnosis

WIDTH_OFF_TERMINAL = 120


def show(found: Diagnosis) -> None:
    """Write table, recommendation, correlation and file paths to stdout."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OFF_TERMINAL)
    report = found.report
    console.print(size_table(report["normality"], title=report["source"]))
    console.print(recommendation(report["normality"]))
    console.print(correlation(report["distance_error"]))
    # Unwrapped, so that paths can be copied.
    console.print(files(report["figures"], found.folder), soft_wrap=True)


def size_table(normality: Mapping[str, Any], *, title: str) -> Table:
    """Return one row per number of inputs: skewness, p-value, coverage, verdict."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.add_column("Inputs", justify="right")
    table.add_column("Skewness", justify="right")
    table.add_column("Normality p", justify="right")
    table.add_column("95 % interval holds in", justify="right")
    table.add_column("Good enough")
    for row in normality["sizes"]:
        table.add_row(
            str(row["n"]),
            f"{row['skewness']:.2f}",
            f"{row['p_value']:.2g}",
            readable_share(row["coverage"]),
            Text("yes", "green") if row["acceptable"] else Text("no", "yellow"),
        )
    return table


def recommendation(normality: Mapping[str, Any]) -> Text:
    """Return from how many inputs on the estimate is good enough, and by which rule."""
    found = normality["recommended_inputs"]
    largest = max(row["n"] for row in normality["sizes"])
    count = f"more than {largest}" if found is None else str(found)
    return Text.assemble(
        "\nRecommended inputs: ", (count, "bold"), (f"\n  {normality['rule']}", "dim")
    )


def correlation(distance_error: Mapping[str, Any]) -> Text:
    """Return how well the distance ranks single options by their error."""
    value = distance_error["spearman"]
    found = "not defined, one of them is constant" if value is None else f"{value:.2f}"
    remark = (
        "  (not a classifier: no answers to compare)" if not distance_error["classifier"] else ""
    )
    return Text.assemble(
        f"Rank correlation of distance and {distance_error['error']}, weights one by one: ",
        (found, "bold"),
        (remark, "dim"),
    )


def files(figures: Mapping[str, list[str]], folder: Path) -> Text:
    """Return the paths of what was written, one a line."""
    names = [name for group in figures.values() for name in group]
    paths = [str(shown(folder / name)) for name in (*names, "diagnose.json")]
    return Text.assemble(("\nWritten\n", "cyan"), "\n".join(f"  {path}" for path in paths))
