"""`zoo-compress bench`: time models beside each other."""

from __future__ import annotations

from typing import Any

import click

from zoo_compress.cli.duration import Duration
from zoo_compress.cli.options import json_option


@click.command("bench", short_help="Time models beside each other.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--data",
    metavar="DATA",
    help="Inputs to run, as for `run`.",
)
@click.option(
    "--time",
    "seconds",
    type=Duration(),
    default="10s",
    show_default=True,
    metavar="TIME",
    help="Time for opening and running all: 10, 10s, 1m.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads within an operator. Without it: one a physical core.",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    metavar="DEVICE",
    help="Where to run: cpu, cuda, cuda:N or auto.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of the draw of the inputs.",
)
@json_option
def command(models: tuple[str, ...], *, as_json: bool, **settings: Any) -> None:
    """Run MODELs in turns, one input at a time, and compare each with the first.

    After two runs to warm up, all run an input one right after the other, another one first each
    time, so that what else the machine does meets all of them. Ratios are medians over those
    turns; a model is called faster or slower only where the turns agree on it.

    \b
    Examples:
      zoo-compress bench model.onnx model.int8.onnx --data photographs/
      zoo-compress bench sample:efficientnet-lite0 runs/demo runs/fast --threads 1
    """
    from zoo_compress import pipeline
    from zoo_compress.cli.output import write_json, write_notes
    from zoo_compress.cli.progress import working
    from zoo_compress.cli.timing import present

    with working() as progress:
        asked = pipeline.TimingSettings(models=models, **settings)
        found = pipeline.time_models(asked, progress=progress)
    write_notes(found.notes)
    if as_json:
        write_json(found.record())
    else:
        present(found)
