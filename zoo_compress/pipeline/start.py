"""How a run begins: known to its folder before anything else, and without a trace if it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from zoo_compress.errors import OutputError, SearchInterrupted
from zoo_compress.files import atomic_write
from zoo_compress.pipeline.fingerprint import check_fingerprint, has_fingerprint, save_fingerprint
from zoo_compress.pipeline.folder import (
    FINGERPRINT_FILE,
    SPLIT_FILE,
    STORE_FILE,
    clear_folder,
    holds_run,
    make_folder,
    protect,
    remove_leftovers,
)
from zoo_compress.pipeline.settings import SETTINGS_FILE, RunSettings
from zoo_compress.pipeline.study import Study


@contextmanager
def announced(settings: RunSettings) -> Iterator[None]:
    """Have the settings in the run's folder while a block gathers what the run needs.

    From then on the run can be resumed, whatever ends it. If the block fails, the folder is as
    it was before. An earlier run in the folder stays until the new one is ready to begin.

    Raises:
        SearchInterrupted: If the user stopped it.
    """
    folder = settings.folder
    if holds_run(folder):
        yield
        return
    made = make_folder(folder)
    try:
        settings.save()
        yield
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and holds_run(folder):
            raise SearchInterrupted(
                f"stopped before anything was measured; `zoo-compress resume {folder}` goes on"
            ) from None
        _undo(folder, made)
        raise


def begin(study: Study) -> None:
    """Clear the folder of an earlier run and note what the measurements will depend on.

    Raises:
        OutputError: If the folder holds something that the run reads.
    """
    folder = study.settings.folder
    protect(folder, study.sources())
    clear_folder(folder)
    study.settings.save()
    _record(study)


def begin_again(study: Study) -> None:
    """Check that a run goes on with what it was started with; begin it if it never began.

    Raises:
        OutputError: If it cannot go on.
    """
    folder = study.settings.folder
    if has_fingerprint(folder):
        check_fingerprint(study)
        remove_leftovers(folder)
    elif (folder / STORE_FILE).exists():
        raise OutputError(
            f"'{folder}' cannot be resumed: it holds trials but no {FINGERPRINT_FILE} that says "
            "what they were measured on; start a new run"
        )
    else:
        protect(folder, study.sources())
        clear_folder(folder)
        _record(study)


def _record(study: Study) -> None:
    record = json.dumps(study.split.record(study.inputs), indent=2)
    atomic_write(study.settings.folder / SPLIT_FILE, record + "\n")
    # Last, since a folder without it is a run that has to begin.
    save_fingerprint(study)


def _undo(folder: Path, made: Sequence[Path]) -> None:
    """Remove what a run has put into a folder, and the folders that it made."""
    clear_folder(folder)
    (folder / SETTINGS_FILE).unlink(missing_ok=True)
    with suppress(OSError):
        for path in made:
            path.rmdir()
