"""`zoo-compress push`: publish a finished run on the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zoo_compress.cli.options import json_option, push_options, run_folder_argument


@click.command("push", short_help="Publish a finished run on the Hub.")
@run_folder_argument
@click.argument("repo_id", metavar="OWNER/NAME")
@push_options
@click.option("--dry-run", is_flag=True, help="List the files and what would be done, then stop.")
@json_option
def command(run: Path, *, as_json: bool, **settings: Any) -> None:
    """Publish the model of the run in folder RUN as OWNER/NAME, with its card, plan and record.

    The model's file is opened once more and held against the original first. All files go into
    one commit; done again, the command sends what changed, or nothing. The token is the one of
    `hf auth login` or HF_TOKEN.

    \b
    Examples:
      zoo-compress push runs/demo me/efficientnet-lite0-small
      zoo-compress push runs/demo me/net --private --layout transformers-js --tag v1
      zoo-compress push runs/demo someone/net --pr --dry-run
    """
    from zoo_compress import pipeline
    from zoo_compress.cli.progress import working
    from zoo_compress.cli.pushed import present

    with working() as progress:
        done = pipeline.push(run, pipeline.PushSettings(**settings), progress=progress)
    present(done, as_json=as_json)
