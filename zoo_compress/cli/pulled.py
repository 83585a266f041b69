"""What a pull has brought, on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from zoo_compress.cli.output import write_json, write_notes
from zoo_compress.units import counted, readable_bytes

if TYPE_CHECKING:
    from zoo_compress.pipeline import PullFile, PullResult


def present(result: PullResult, *, as_json: bool) -> None:
    """Write the files and where the models are to stdout, and notes to stderr."""
    write_notes(result.notes)
    if as_json:
        write_json(result.record())
        return
    width = max(len(file.path) for file in result.files)
    for file in result.files:
        size = "unknown" if file.bytes is None else readable_bytes(file.bytes)
        state = "  in the cache" if file.cached else ""
        click.echo(f"  {file.path:<{width}}  {size:>9}{state}")
    for model in result.unread:
        click.echo(f"  (what external data '{model}' has is known once it is fetched)")
    click.echo(sentence(result))
    if not result.settings.dry_run:
        for model in result.models:
            click.echo(result.folder / model)


def sentence(result: PullResult) -> str:
    """Say in one line what was fetched, or what would be."""
    deed = "would fetch" if result.settings.dry_run else "fetched"
    new = [file for file in result.files if not file.cached]
    origin = f"{result.repo_id} at {result.revision[:12]}"
    if not new:
        return f"{origin}: everything was in the cache, {_amount(result.files)}"
    return f"{origin}: {deed} {_amount(new)}"


def _amount(files: Sequence[PullFile]) -> str:
    size = readable_bytes(sum(file.bytes or 0 for file in files))
    return f"{counted(len(files), 'file')}, {size}"
