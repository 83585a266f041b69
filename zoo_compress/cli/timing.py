"""What `bench` shows."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo_compress.cli.summary import WIDTH
from zoo_compress.pipeline import TimedModel, Timing
from zoo_compress.units import counted, readable_bytes, readable_seconds

STYLES = {"faster": "green", "slower": "yellow", "alike": "", "unclear": "dim"}


def present(found: Timing) -> None:
    """Write the table of the models to stdout, with what was run and where."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    console.print(timing_table(found))
    console.print(Text(conditions(found), style="dim"))


def timing_table(found: Timing) -> Table:
    """Return one row for each model; the first is what the others are compared with."""
    table = Table()
    table.add_column("model", overflow="fold")
    first, *others = found.models
    compared = ("ratio (middle half)", "than the first") if others else ()
    for name in ("size", "load", "one input", *compared):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row(*_cells(first), *("1", "")[: len(compared)])
    for model in others:
        latency = model.latency
        lower, upper = latency.quartiles
        ratio = f"{latency.ratio:.3g} ({lower:.3g} to {upper:.3g})"
        table.add_row(*_cells(model), ratio, latency.verdict, style=STYLES[latency.verdict])
    return table


def conditions(found: Timing) -> str:
    """Return what was run, how often, and where."""
    latency = found.models[0].latency
    return (
        f"{found.inputs}; {counted(latency.pairs, 'turn')} one input at a time, medians; "
        f"{latency.provider} on {found.device}, {counted(latency.threads, 'thread')} "
        "without spinning"
    )


def _cells(model: TimedModel) -> tuple[str, ...]:
    latency = model.latency
    return (
        model.source,
        readable_bytes(model.stored_bytes),
        readable_seconds(latency.compressed_load_seconds),
        f"{latency.compressed_ms:.3g} ms",
    )
