"""Runs of every model of a repository, and the table at their end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo_compress.cli.output import write_json, write_notes
from zoo_compress.cli.progress import working
from zoo_compress.units import readable_bytes, readable_share

if TYPE_CHECKING:
    from zoo_compress.pipeline import ModelRun, RunSettings

WIDTH_OFF_TERMINAL = 120


def run_every(settings: RunSettings, *, as_json: bool) -> int:
    """Compress every model of the source, going on after one fails.

    Returns:
        The exit code of the first failure, 0 if there is none.
    """
    from zoo_compress import pipeline

    with working() as progress:
        wanted, notes = pipeline.each_model(settings, progress=progress)
    write_notes(notes)
    runs = []
    for number, one in enumerate(wanted, start=1):
        click.echo(f"{number}/{len(wanted)}  {one.source}", err=True)
        with working() as progress:
            runs.append(pipeline.attempt_run(one, progress=progress))
        if runs[-1].error is not None:
            click.echo(f"error: {reason(runs[-1])}", err=True)
    if as_json:
        write_json({"source": settings.source, "runs": [as_document(run) for run in runs]})
    else:
        width = None if sys.stdout.isatty() else WIDTH_OFF_TERMINAL
        Console(highlight=False, width=width).print(runs_table(runs))
    return next((run.error.exit_code for run in runs if run.error is not None), 0)


def runs_table(runs: Sequence[ModelRun]) -> Table:
    """Return a row for each run: model, sizes, distance, folder, or why it failed."""
    table = Table(box=None)
    table.add_column("Model", overflow="fold")
    table.add_column("Original", justify="right", no_wrap=True)
    table.add_column("Compressed", justify="right", no_wrap=True)
    table.add_column("Distance", justify="right", no_wrap=True)
    table.add_column("Folder, or what went wrong", overflow="fold")
    for run in runs:
        if run.result is None:
            table.add_row(Text(run.model), "", "", "", Text(reason(run), "red"))
            continue
        report = run.result.report
        share = readable_share(report["size_ratio"])
        table.add_row(
            Text(run.model),
            readable_bytes(report["original_bytes"]),
            f"{readable_bytes(report['compressed_bytes'])}, {share}",
            f"{report['relative_distance']:.3g}",
            Text(str(run.result.folder)),
        )
    return table


def as_document(run: ModelRun) -> dict[str, Any]:
    """Return a run as JSON values: its report, or its error with the exit code."""
    document: dict[str, Any] = {"model": run.model, "folder": str(run.settings.folder)}
    if run.result is not None:
        return document | {"report": run.result.report, "notes": list(run.result.notes)}
    code = None if run.error is None else run.error.exit_code
    return document | {"error": reason(run), "exit_code": code}


def reason(run: ModelRun) -> str:
    """Return why a run failed, in one line."""
    return " ".join(str(run.error).split())
