"""Where a command writes: its result to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator

import click


def write_json(document: object) -> None:
    """Write the one JSON document of a `--json` command to stdout."""
    click.echo(json.dumps(document, indent=2))


def write_notes(notes: Iterable[str]) -> None:
    """Write warnings for the user to stderr, one line each."""
    for note in notes:
        click.echo(f"warning: {note}", err=True)


@contextlib.contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """Send to stderr what libraries and child processes write to stdout.

    The file descriptor is moved too, since native code and child processes write past
    `sys.stdout`.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
