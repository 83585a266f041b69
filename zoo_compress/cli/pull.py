"""`zoo-compress pull`: fetch a model from the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zoo_compress.cli.options import json_option, overwrite_option


@click.command("pull", short_help="Fetch a model from the Hub.")
@click.argument("source", metavar="OWNER/NAME[@REVISION][:FILE.ONNX]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for a copy, laid out as the repository is. Without it, the files stay in the "
    "cache, where the other commands find them.",
)
@click.option("--all", "every", is_flag=True, help="Fetch every .onnx file of the repository.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="List the files, their sizes and which are in the cache, then stop. Only small models "
    "beside possible external data are fetched, since they must be read to tell.",
)
@overwrite_option
@json_option
def command(source: str, *, as_json: bool, **settings: Any) -> None:
    """Fetch a model with its external data, config, tokenizer, preprocessor and card.

    Without a file: onnx/model.onnx, else model.onnx, else the only .onnx file. Every file is
    compared with the digest that the Hub lists; what the cache has whole is not fetched again.
    Without network, or with HF_HUB_OFFLINE=1, the cache alone answers. Private and gated
    repositories take the token of `hf auth login` or HF_TOKEN.

    \b
    Examples:
      zoo-compress pull onnx-community/resnet-18-ONNX
      zoo-compress pull owner/whisper@main:onnx/encoder_model.onnx --out whisper
      zoo-compress pull owner/name --all --dry-run
    """
    from zoo_compress import pipeline
    from zoo_compress.cli.progress import working
    from zoo_compress.cli.pulled import present

    if settings["every"] and source.endswith(".onnx"):
        raise click.UsageError("name a file or give --all, not both")
    with working() as progress:
        result = pipeline.pull(pipeline.PullSettings(source=source, **settings), progress=progress)
    present(result, as_json=as_json)
