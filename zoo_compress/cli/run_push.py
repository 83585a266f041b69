"""What `run --push` does beside the run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from zoo_compress.errors import SearchInterrupted

if TYPE_CHECKING:
    from zoo_compress.core import ProgressCallback
    from zoo_compress.pipeline import PushSettings, RunResult, RunSettings

PUSH_PARAMETERS = ("repo_id", "private", "pr", "branch", "tag", "layout", "message")


def push_settings(options: dict[str, Any]) -> PushSettings | None:
    """Take the options of a push out of the others; return them if a push is wanted.

    Raises:
        click.UsageError: If there are some without `--push`.
    """
    from zoo_compress.pipeline import PushSettings

    taken = {name: options.pop(name) for name in PUSH_PARAMETERS}
    if taken["repo_id"] is not None:
        return PushSettings(**taken)
    usual = PushSettings(repo_id="")
    for name in PUSH_PARAMETERS[1:]:
        if taken[name] != getattr(usual, name):
            raise click.UsageError(f"--{name} says how to push; it needs --push OWNER/NAME")
    return None


def run_before_push(
    asked: RunSettings, wanted: PushSettings, *, began: float, progress: ProgressCallback
) -> RunResult:
    """Find out whether the result could be pushed, then run.

    Args:
        asked: The run.
        wanted: How its result is to be pushed.
        began: As for `pipeline.run`.
        progress: Told how far the work has come.

    Raises:
        SearchInterrupted: If the user stopped it; it says that nothing was pushed.
        ZooCompressError: If it could not be pushed, or as for `pipeline.run`.
    """
    from zoo_compress import pipeline

    pipeline.check_push(asked.source, wanted, progress=progress)
    try:
        return pipeline.run(replace(asked, push=wanted.words), began=began, progress=progress)
    except SearchInterrupted as error:
        command = wanted.command(asked.folder)
        raise SearchInterrupted(f"{error}; nothing was pushed, `{command}` does that") from error


def present_and_push(result: RunResult, wanted: PushSettings, *, as_json: bool) -> None:
    """Show the run before it is pushed, so that a push that fails hides nothing.

    With JSON there is one document, which comes after the push, whatever becomes of it.

    Args:
        result: The run that has just ended.
        wanted: How to push it.
        as_json: Whether to write JSON.

    Raises:
        ZooCompressError: If the push fails; it says how to go on.
    """
    from zoo_compress import pipeline
    from zoo_compress.cli import pushed
    from zoo_compress.cli.output import write_json, write_notes
    from zoo_compress.cli.progress import working
    from zoo_compress.cli.summary import present

    if not as_json:
        present(result.report, folder=result.folder, notes=result.notes, as_json=False)
    document: dict[str, Any] = {**result.report, "push": None}
    try:
        with working() as progress:
            done = pipeline.push_after_run(result.folder, wanted, progress=progress)
        document["push"] = done.record()
    finally:
        if as_json:
            write_notes(result.notes)
            write_json(document)
    if not as_json:
        pushed.present(done, as_json=False)
