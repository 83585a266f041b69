"""What a push has done, on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoo_compress.cli.output import write_json, write_notes
from zoo_compress.units import counted, readable_bytes

if TYPE_CHECKING:
    from zoo_compress.pipeline import PushResult


def present(done: PushResult, *, as_json: bool) -> None:
    """Write the result of a push to stdout, and what the user should know to stderr."""
    write_notes(done.notes)
    if as_json:
        write_json(done.record())
        return
    width = max(len(file.path) for file in done.files)
    for file in done.files:
        state = "" if file.changed else "  unchanged"
        click.echo(f"  {file.path:<{width}}  {readable_bytes(file.bytes):>9}{state}")
    click.echo(sentence(done))


def sentence(done: PushResult) -> str:
    """Say in one line what was done, or what would be."""
    settings = done.settings
    changed = counted(len(done.changed), "file")
    size = readable_bytes(sum(file.bytes for file in done.changed))
    if done.pull_request is not None and not done.changed:
        return f"nothing to do: an open pull request holds these files: {done.pull_request}"
    if not done.changed:
        tag = f", tagged {settings.tag}" if settings.tag else ""
        return f"nothing changed: {done.url} holds these files{tag}"
    if settings.dry_run:
        return f"would {_deed(done)} {changed}, {size}; nothing was sent"
    if done.pull_request is not None:
        return f"opened a pull request with {changed}, {size}: {done.pull_request}"
    tag = f", tagged {settings.tag}" if settings.tag else ""
    kind = "private" if done.private else "public"
    made = f"made a {kind} repository and " if done.created else ""
    return f"{made}pushed {changed}, {size}{tag}: {done.url}"


def _deed(done: PushResult) -> str:
    settings = done.settings
    if settings.pr:
        return f"open a pull request in {settings.repo_id} with"
    kind = "private" if done.private else "public"
    make = f"make the {kind} repository {settings.repo_id} and " if done.created else ""
    branch = f" to branch '{settings.branch}'" if settings.branch else ""
    tag = f" and tag as {settings.tag}" if settings.tag else ""
    return f"{make}commit{branch}{tag}"
