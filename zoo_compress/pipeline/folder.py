"""The folder of a run: made, checked, and cleared of an earlier run."""

from __future__ import annotations

from pathlib import Path

from zoo_compress.errors import DiskFullError, OutputError
from zoo_compress.files import NO_SPACE
from zoo_compress.pipeline.settings import SETTINGS_FILE

STORE_FILE = "trials.sqlite"
MODEL_FILE = "model.onnx"
PLAN_FILE = "plan.json"
SPLIT_FILE = "split.json"
REPORT_FILE = "run.json"
CARD_FILE = "README.md"

REJECTED_PREFIX = "rejected-"

OWN_FILES = (
    SETTINGS_FILE,
    STORE_FILE,
    f"{STORE_FILE}-journal",
    MODEL_FILE,
    f"{MODEL_FILE}.data",
    PLAN_FILE,
    SPLIT_FILE,
    REPORT_FILE,
    CARD_FILE,
    f"{REJECTED_PREFIX}{MODEL_FILE}",
    f"{REJECTED_PREFIX}{MODEL_FILE}.data",
)


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Check that a new run may use a folder, before any work is done for it.

    Raises:
        OutputError: If it exists and holds anything, and `overwrite` is not set; or if it holds
            files but no run, whatever is set.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"'{folder}' is a file, expected a folder for the run")
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / SETTINGS_FILE).is_file():
            raise OutputError(f"'{folder}' holds files but no run; name another folder with --out")
        if not overwrite:
            raise OutputError(
                f"'{folder}' already holds a run; use --overwrite, another --out, or "
                f"`zoo-compress resume {folder}`"
            )


def open_folder(folder: Path) -> None:
    """Make the folder of a new run, or clear it of an earlier one.

    Only files that a run writes are ever removed; anything else in the folder stays.

    Raises:
        OutputError: If it cannot be made.
        DiskFullError: If there is no space for it.
    """
    for name in OWN_FILES:
        (folder / name).unlink(missing_ok=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        kind = DiskFullError if error.errno in NO_SPACE else OutputError
        raise kind(f"'{folder}' cannot be made: {error.strerror}") from error
