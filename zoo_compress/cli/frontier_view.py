"""The frontier in the terminal."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo_compress.cli.output import write_json
from zoo_compress.cli.summary import WIDTH, present, shown
from zoo_compress.pipeline.frontier import Frontier, FrontierPoint
from zoo_compress.units import readable_bytes, readable_share


def present_frontier(found: Frontier, *, run: Path, as_json: bool) -> None:
    """Write the frontier to stdout, and the summary of the model that was written for it."""
    if as_json:
        write_json(_document(found))
        return
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    console.print(frontier_table(found))
    console.print(Text(f"{found.trials} plans measured; ● is the model written", style="dim"))
    for path in found.figures:
        console.print(Text(str(shown(path)), style="dim"), soft_wrap=True)
    if found.result is not None:
        result = found.result
        present(result.report, folder=result.folder, notes=result.notes, as_json=False)
        return
    command = ("zoo-compress", "frontier", str(shown(run)), "--budget", "0.2")
    console.print(Text.assemble(("Next\n", "cyan"), f"  {shlex.join(command)}"), soft_wrap=True)


def frontier_table(found: Frontier) -> Table:
    """Return the points of the front, most bytes first."""
    table = Table(title="Pareto front of size and distance", title_justify="left")
    for name in ("", "size", "of the original", "distance", "± standard error"):
        table.add_column(name, justify="right")
    with_answers = any(point.disagreement is not None for point in found.front)
    if with_answers:
        table.add_column("answers changed", justify="right")
    shown_points = [*found.front, *([] if found.chosen is None else [found.chosen])]
    with_times = any(point.latency_ratio is not None for point in shown_points)
    if with_times:
        table.add_column("of its time", justify="right")
    table.add_column("trial", justify="right")
    points = {point.trial: point for point in found.front}
    if found.chosen is not None:
        points.setdefault(found.chosen.trial, found.chosen)
    for point in sorted(points.values(), key=lambda point: -point.stored_bytes):
        chosen = found.chosen is not None and point.trial == found.chosen.trial
        cells = [*_cells(point, with_answers=with_answers, with_times=with_times)]
        table.add_row("●" if chosen else "", *cells, style="bold green" if chosen else None)
    return table


def _cells(point: FrontierPoint, *, with_answers: bool, with_times: bool) -> list[str]:
    distance, scale = point.relative_distance, 1.0
    if distance is None:
        distance = point.distance
    elif point.distance:
        scale = distance / point.distance
    ratio = point.latency_ratio
    times = [] if ratio is None else [readable_share(ratio)]
    answers = [] if point.disagreement is None else [readable_share(point.disagreement)]
    return [
        readable_bytes(point.stored_bytes),
        readable_share(point.size_ratio),
        f"{distance:.3g}",
        f"{scale * point.standard_error:.2g}",
        *(answers or ["-"] * with_answers),
        *(times or ["-"] * with_times),
        str(point.trial),
    ]


def _document(found: Frontier) -> dict[str, object]:
    return {
        "front": [asdict(point) for point in found.front],
        "trials": found.trials,
        "chosen": None if found.chosen is None else asdict(found.chosen),
        "multiplier": found.multiplier,
        "figures": [str(path) for path in found.figures],
        "result": None if found.result is None else found.result.report,
    }
