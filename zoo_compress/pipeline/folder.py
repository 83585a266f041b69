"""The folder of a run: made, checked, and cleared of an earlier run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from zoo_compress.errors import DiskFullError, OutputError
from zoo_compress.files import NO_SPACE
from zoo_compress.pipeline.settings import SETTINGS_FILE

STORE_FILE = "trials.sqlite"
MODEL_FILE = "model.onnx"
PLAN_FILE = "plan.json"
SPLIT_FILE = "split.json"
FINGERPRINT_FILE = "fingerprint.json"
REPORT_FILE = "run.json"
CARD_FILE = "README.md"

PENDING_FOLDER = "pending"
"""Holds the model until it has passed the gate and is certified."""
REJECTED_FOLDER = "rejected"
"""Holds a model that failed the gate."""

OWN_FILES = (
    SETTINGS_FILE,
    STORE_FILE,
    f"{STORE_FILE}-journal",
    MODEL_FILE,
    f"{MODEL_FILE}.data",
    PLAN_FILE,
    SPLIT_FILE,
    FINGERPRINT_FILE,
    REPORT_FILE,
    CARD_FILE,
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


def protect(folder: Path, sources: Iterable[Path]) -> None:
    """Check that a run's folder holds nothing that the run reads.

    Raises:
        OutputError: If it holds one of `sources`, which the run would replace.
    """
    home = folder.resolve()
    for source in sources:
        if home in source.resolve().parents:
            raise OutputError(f"'{source}' lies in the run's own folder; name another with --out")


def open_folder(folder: Path) -> None:
    """Make the folder of a new run, or clear it of an earlier one.

    Only files that a run writes are ever removed; anything else in the folder stays.

    Raises:
        OutputError: If it cannot be made.
        DiskFullError: If there is no space for it.
    """
    try:
        for name in (*_earlier_companions(folder), *OWN_FILES):
            (folder / name).unlink(missing_ok=True)
        for name in (PENDING_FOLDER, REJECTED_FOLDER):
            shutil.rmtree(folder / name, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        kind = DiskFullError if error.errno in NO_SPACE else OutputError
        raise kind(f"'{folder}' cannot be used: {error.strerror}") from error


def _earlier_companions(folder: Path) -> list[str]:
    """Return the companion files that an earlier run says it copied; none if it says nothing."""
    try:
        report = json.loads((folder / REPORT_FILE).read_text("utf-8"))
        return [Path(name).name for name in report.get("companions", [])]
    except (OSError, ValueError, AttributeError, TypeError):
        return []
