"""`zoo-compress package`: put a model into a folder that a server or a browser takes as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zoo_compress.cli.options import json_option, overwrite_option

TARGETS = ("triton", "docker", "transformers-js", "plain")


@click.command("package", short_help="Make a bundle for a server or a browser.")
@click.argument("source", metavar="RUN|SOURCE")
@click.option(
    "--target",
    type=click.Choice(TARGETS),
    required=True,
    help="What the bundle is for: a model repository of Triton Inference Server; a build context "
    "for a container that serves the model; a folder for transformers.js; or all files in one "
    "folder.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder to write; it appears whole or not at all.",
)
@click.option(
    "--name", metavar="NAME", help="Name under which a server offers the model. Default: its own."
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "gpu"]),
    default="cpu",
    show_default=True,
    help="Where a server runs it.",
)
@click.option(
    "--instances",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="How many requests a server runs at once.",
)
@click.option(
    "--with-original",
    is_flag=True,
    help="With triton: the original beside it, and an ensemble that answers with both.",
)
@click.option(
    "--data",
    metavar="DATA",
    help="With triton and docker: inputs whose first one shows that the model runs, and warms a "
    "server up, where a synthetic one would not do.",
)
@overwrite_option
@json_option
def command(*, as_json: bool, **settings: Any) -> None:
    """Make a bundle of the finished run in folder RUN, or of any model.

    Each bundle holds `zoo-compress.json`, which says what the model was made from and what each
    file's SHA-256 is. Every command takes the folder of a bundle as a SOURCE, and refuses it if
    the model in it was changed.

    \b
    Examples:
      zoo-compress package runs/demo --target triton --out models --with-original
      zoo-compress package runs/demo --target docker --out context
      zoo-compress package me/net-small --target transformers-js --out web/net
    """
    from zoo_compress import pipeline
    from zoo_compress.cli.packaged import present
    from zoo_compress.cli.progress import working

    if settings["with_original"] and settings["target"] != "triton":
        raise click.UsageError("--with-original goes with --target triton")
    with working() as progress:
        made = pipeline.package(pipeline.PackageSettings(**settings), progress=progress)
    present(made, as_json=as_json)
