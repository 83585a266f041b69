"""`push`: publish a finished run on the Hub, after the gate, with all that makes it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_compress.core import ProgressCallback, ignore_progress
from zoo_compress.errors import LicenceError, SearchInterrupted, ZooCompressError
from zoo_compress.hub.licences import licence_note, publication_obstacle
from zoo_compress.hub.resolve import resolve
from zoo_compress.pipeline.push_contents import push_contents
from zoo_compress.pipeline.push_gate import pass_gate_again
from zoo_compress.pipeline.push_settings import PushedFile, PushResult, PushSettings
from zoo_compress.pipeline.record import origin_record
from zoo_compress.pipeline.run_files import FinishedRun, finished_run
from zoo_compress.pipeline.settings import RunSettings, cache_folder

if TYPE_CHECKING:
    from zoo_compress.hub.contents import Content
    from zoo_compress.hub.push_session import PushSession


def push(
    folder: Path,
    settings: PushSettings,
    *,
    progress: ProgressCallback = ignore_progress,
) -> PushResult:
    """Publish the model of a finished run, with its card, plan, recipe and record.

    What could stop it is looked at first; then the file is opened in a fresh process; then all
    files go into one commit. Done again, it goes on, and commits nothing if nothing changed.

    Args:
        folder: The run's folder.
        settings: Where to and how.
        progress: Told how far the work has come.

    Raises:
        OutputError: If the folder holds no finished run, or its files are not those of the run.
        LicenceError: If the original may not be published in this form.
        PublishGateError: If the model is not what the run certified.
        HubError: If the Hub refuses or cannot be reached.
    """
    run = finished_run(folder)
    session = _session(settings)
    notes = _publishable(run.report.get("origin") or {}, settings, session)
    notes += pass_gate_again(run, RunSettings.load(folder), progress)
    return _publish(run, settings, session, notes, progress)


def check_push(
    source: str,
    settings: PushSettings,
    *,
    progress: ProgressCallback = ignore_progress,
) -> None:
    """Find out before a run whether its result could be pushed; nothing is written.

    Args:
        source: The original.
        settings: Where to and how.
        progress: Told how far a download has come.

    Raises:
        LicenceError: If the original may not be published in this form.
        HubError: If there is no valid token, the account may not write there, or the Hub cannot
            be reached.
        ZooCompressError: If there is no such original.
    """
    session = _session(settings)
    original = resolve(source, cache=cache_folder(), progress=progress)
    _publishable(origin_record(original), settings, session)


def push_after_run(
    folder: Path, settings: PushSettings, *, progress: ProgressCallback = ignore_progress
) -> PushResult:
    """Push the run that has just ended; an error says that the run is there and how to go on.

    Raises:
        SearchInterrupted: If the user stopped it.
        ZooCompressError: As for `push`.
    """
    goes_on = f"the run is kept, and `{settings.command(folder)}` goes on"
    try:
        return push(folder, settings, progress=progress)
    except KeyboardInterrupt:
        raise SearchInterrupted(f"stopped while the run was pushed; {goes_on}") from None
    except ZooCompressError as error:
        raise type(error)(f"{error}; {goes_on}") from error


def _session(settings: PushSettings) -> PushSession:
    # The client takes a fifth of a second to import, which only a push has to pay.
    from zoo_compress.hub.publication import Target
    from zoo_compress.hub.push_session import open_session

    target = Target(
        repo_id=settings.repo_id,
        private=settings.private,
        propose=settings.pr,
        branch=settings.branch,
        tag=settings.tag,
    )
    return open_session(target)


def _publishable(
    origin: Mapping[str, Any], settings: PushSettings, session: PushSession
) -> tuple[str, ...]:
    """Check that the original's terms allow this; return what to look up where that is unclear.

    Raises:
        LicenceError: If they do not.
    """
    licence, name = origin.get("licence"), (origin.get("metadata") or {}).get("license_name")
    gated = bool(origin.get("gated"))
    reason = publication_obstacle(licence, licence_name=name, gated=gated)
    if reason is not None and session.public:
        state = "is" if session.remote.exists else "would be"
        raise LicenceError(
            f"'{settings.repo_id}' {state} public, and {reason}; --private pushes to a private "
            "repository, which is made if it is missing"
        )
    note = licence_note(licence, licence_name=name)
    return () if note is None else (note,)


def _publish(
    run: FinishedRun,
    settings: PushSettings,
    session: PushSession,
    notes: tuple[str, ...],
    progress: ProgressCallback,
) -> PushResult:
    contents = push_contents(run, RunSettings.load(run.folder), settings)
    done = session.push(
        contents,
        message=settings.message or _message(run.report),
        dry_run=settings.dry_run,
        progress=progress,
    )
    sent = {content.path for content in done.sent}
    return PushResult(
        settings=settings,
        url=done.url,
        commit=done.commit,
        created=done.created,
        pull_request=done.pull_request,
        private=not session.public,
        files=[_file(content, changed=content.path in sent) for content in contents],
        notes=(
            *notes,
            *_layout_notes(run, settings),
            *_others_note(session, contents),
            *done.notes,
        ),
    )


def _file(content: Content, *, changed: bool) -> PushedFile:
    return PushedFile(
        path=content.path, bytes=content.size, sha256=content.sha256, changed=changed
    )


def _message(report: Mapping[str, Any]) -> str:
    share = 100 * float(report["size_ratio"])
    return f"Add the model at {share:.3g} % of its size, compressed by zoo-compress"


def _layout_notes(run: FinishedRun, settings: PushSettings) -> list[str]:
    """Return what is not as transformers.js or a reader of the card expects it."""
    if settings.layout == "plain":
        return []
    notes = []
    if run.data:
        notes.append(
            f"the weights lie in '{run.data[0]}', the name that the model refers to; "
            "transformers.js looks for external data by a name of its own"
        )
    if run.edited:
        notes.append(
            "the card was edited and stays as it is; look whether it says where the model lies "
            "in this layout"
        )
    return notes


def _others_note(session: PushSession, contents: Sequence[Content]) -> tuple[str, ...]:
    """Return a note if the repository keeps other models, from an earlier push perhaps."""
    ours = {content.path for content in contents}
    others = [path for path in session.remote.files if path.endswith(".onnx") and path not in ours]
    if not others:
        return ()
    return (f"the repository holds other models too, which stay: {', '.join(sorted(others))}",)
