"""`zoo-compress card`: write the model card of a run anew."""

from __future__ import annotations

from pathlib import Path

import click

from zoo_compress.cli.options import run_folder_argument


@click.command("card", short_help="Write the model card of a run anew.")
@run_folder_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file to write, pictures beside it. Without it: README.md in RUN.",
)
def command(run: Path, *, out: Path | None) -> None:
    """Write the model card of RUN and its pictures, from what the run's folder holds.

    Neither the original model nor a network is needed.

    \b
    Examples:
      zoo-compress card runs/demo
      zoo-compress card runs/demo --out docs/card.md
    """
    from zoo_compress import pipeline

    click.echo(str(pipeline.write_card(run, out=out)))
