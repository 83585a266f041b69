"""`zoo-compress resume`: go on with a run."""

from __future__ import annotations

from pathlib import Path

import click

from zoo_compress.cli.options import (
    another_latency_option,
    json_option,
    run_folder_argument,
    time_option,
)


@click.command("resume", short_help="Go on with a run that was stopped.")
@run_folder_argument
@another_latency_option
@time_option
@json_option
def command(run: Path, *, budget: str | None, seconds: float | None, as_json: bool) -> None:
    """Go on with the run in folder RUN where it stopped, with its settings and measurements.

    It does not push; where the run was started with --push, the last line says what does.

    \b
    Example:
      zoo-compress resume runs/demo --time 5m
    """
    from zoo_compress import pipeline
    from zoo_compress.cli.progress import working
    from zoo_compress.cli.summary import present

    began = pipeline.process_start()
    with working() as progress:
        result = pipeline.resume(
            run, budget=budget, seconds=seconds, began=began, progress=progress
        )
    present(result.report, folder=result.folder, notes=result.notes, as_json=as_json)
    if result.push is not None:
        click.echo(
            f"not pushed, as `run --push` was asked to; `{result.push}` does that", err=True
        )
