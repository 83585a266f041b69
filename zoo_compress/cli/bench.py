"""`zoo-compress bench`: time models beside each other."""

from __future__ import annotations

from typing import Any

import click

from zoo_compress.cli.device import DeviceName
from zoo_compress.cli.options import json_option, seed_option, threads_option, timing_option


@click.command("bench", short_help="Time models beside each other.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--data",
    metavar="DATA",
    help="Inputs to run, as for `run`.",
)
@timing_option
@threads_option
@click.option(
    "--device",
    type=DeviceName(),
    default="cpu",
    show_default=True,
    metavar="DEVICE",
    help="Where to run: cpu, cuda, cuda:N or auto.",
)
@seed_option("Seed of the draw of the inputs.")
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
