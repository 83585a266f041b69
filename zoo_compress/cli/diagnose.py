"""`zoo-compress diagnose`: check the method's assumptions on a model at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zoo_compress.cli.options import (
    data_option,
    json_option,
    overwrite_option,
    recipe_option,
    seed_option,
    source_argument,
    task_option,
)


@click.command("diagnose", short_help="Draw how far the distance can be trusted on a model.")
@source_argument
@data_option
@recipe_option
@click.option(
    "--repetitions",
    type=click.IntRange(min=20, max=100_000),
    default=500,
    show_default=True,
    metavar="N",
    help="Estimates to form for each number of inputs.",
)
@click.option(
    "--plans",
    type=click.IntRange(min=1, max=1000),
    default=24,
    show_default=True,
    metavar="N",
    help="Random plans to measure; the repetitions draw from them.",
)
@seed_option("Seed of every random choice.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the figures. Without it: one under runs/, named after the source.",
)
@overwrite_option
@task_option
@json_option
def command(*, as_json: bool, **settings: Any) -> None:
    """Draw on how many inputs the estimated distance of SOURCE can be trusted, and what it tells.

    Writes, as PNG and SVG: Q-Q plots and densities of the estimated distance from 5 to 100 inputs
    (with a recommendation), distance against top-1 error or disagreement for weights compressed
    one by one, and the search's acquisition function at work on a toy (as a GIF too). All
    numbers are in diagnose.json beside them.

    \b
    Example:
      zoo-compress diagnose sample:efficientnet-lite0
    """
    from zoo_compress import pipeline
    from zoo_compress.cli import diagnosis
    from zoo_compress.cli.output import write_json, write_notes
    from zoo_compress.cli.progress import working

    with working() as progress:
        found = pipeline.diagnose(pipeline.DiagnoseSettings(**settings), progress=progress)
    write_notes(found.notes)
    if as_json:
        write_json(found.report)
    else:
        diagnosis.show(found)
