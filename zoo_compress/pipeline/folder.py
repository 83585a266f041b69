"""The folder of a run: made, checked, and cleared of an earlier run."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from zoo_compress.errors import DiskFullError, OutputError
from zoo_compress.files import NO_SPACE
from zoo_compress.pipeline.settings import SETTINGS_FILE
from zoo_compress.report.card import PICTURES

STORE_FILE = "trials.sqlite"
MODEL_FILE = "model.onnx"
PLAN_FILE = "plan.json"
RECIPE_FILE = "recipe.yaml"
SPLIT_FILE = "split.json"
FINGERPRINT_FILE = "fingerprint.json"
REPORT_FILE = "run.json"
CARD_FILE = "README.md"

PENDING_FOLDER = "pending"
"""Holds the model until it has passed the gate and is certified."""
REJECTED_FOLDER = "rejected"
"""Holds a model that failed the gate."""
CHECKPOINT_FOLDER = "checkpoint"
"""Holds the best candidate of a search that has not ended."""
NEXT_CHECKPOINT_FOLDER = "checkpoint-next"
"""Holds the candidate that is about to replace it."""
PREVIOUS_CHECKPOINT_FOLDER = "checkpoint-previous"
"""Holds the candidate that has just been replaced."""

FRONTIER_FILE = "frontier.json"
FRONTIER_FIGURE = "frontier"
"""The plot's name, without .png and .svg."""
POINTS_FOLDER = "frontier"
"""Holds the models that were written for other budgets, a folder each."""

OWN_FOLDERS = (
    POINTS_FOLDER,
    PENDING_FOLDER,
    REJECTED_FOLDER,
    NEXT_CHECKPOINT_FOLDER,
    PREVIOUS_CHECKPOINT_FOLDER,
    CHECKPOINT_FOLDER,
)
# The fingerprint goes last: a folder without one is a run in which nothing was measured.
OWN_FILES = (
    MODEL_FILE,
    f"{MODEL_FILE}.data",
    PLAN_FILE,
    RECIPE_FILE,
    SPLIT_FILE,
    REPORT_FILE,
    CARD_FILE,
    *PICTURES,
    FRONTIER_FILE,
    f"{FRONTIER_FIGURE}.png",
    f"{FRONTIER_FIGURE}.svg",
    STORE_FILE,
    f"{STORE_FILE}-journal",
    FINGERPRINT_FILE,
)

LEFTOVER = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.part")
"""A file that was being written when the process was killed."""


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Check that a new run may use a folder, before any work is done for it.

    Raises:
        OutputError: If it exists and holds anything, and `overwrite` is not set; or if it holds
            files but no run, whatever is set.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"'{folder}' is a file, expected a folder for the run")
    if folder.is_dir() and set(folder.iterdir()) - set(_leftovers(folder)):
        if not holds_run(folder):
            raise OutputError(f"'{folder}' holds files but no run; name another folder with --out")
        if not overwrite:
            raise OutputError(
                f"'{folder}' already holds a run; use --overwrite, another --out, or "
                f"`zoo-compress resume {folder}`"
            )


def holds_run(folder: Path) -> bool:
    """Tell whether a run was started in a folder."""
    return (folder / SETTINGS_FILE).is_file()


def protect(folder: Path, sources: Iterable[Path]) -> None:
    """Check that a run's folder holds nothing that the run reads.

    Raises:
        OutputError: If it holds one of `sources`, which the run would replace.
    """
    home = folder.resolve()
    for source in sources:
        if home in source.resolve().parents:
            raise OutputError(f"'{source}' lies in the run's own folder; name another with --out")


def make_folder(folder: Path) -> tuple[Path, ...]:
    """Make a folder and those above it; return the ones that were not there, the lowest first.

    Raises:
        OutputError: If it cannot be made.
        DiskFullError: If there is no space for it.
    """
    missing = tuple(path for path in (folder, *folder.parents) if not path.exists())
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error) from error
    return missing


def clear_folder(folder: Path) -> None:
    """Clear a folder of an earlier run, but for the settings.

    Only files that a run writes are ever removed; anything else in the folder stays.

    Raises:
        OutputError: If a file cannot be removed.
    """
    try:
        for name in OWN_FOLDERS:
            shutil.rmtree(folder / name, ignore_errors=True)
        companions = _earlier_companions(folder)
        for path in (*companions, *map(Path, OWN_FILES)):
            (folder / path).unlink(missing_ok=True)
        for inner in {path.parent for path in companions} - {Path()}:
            with suppress(OSError):  # It is not empty, and so not the run's alone.
                (folder / inner).rmdir()
        remove_leftovers(folder)
    except OSError as error:
        raise _unusable(folder, error) from error


def remove_leftovers(folder: Path) -> None:
    """Remove the files that a killed process has not finished writing."""
    for path in _leftovers(folder):
        path.unlink(missing_ok=True)


def _leftovers(folder: Path) -> list[Path]:
    own = {SETTINGS_FILE, *OWN_FILES}
    found = [(path, LEFTOVER.fullmatch(path.name)) for path in folder.glob(".*.part")]
    return [path for path, match in found if match and match["name"] in own]


def _unusable(folder: Path, error: OSError) -> OutputError | DiskFullError:
    kind = DiskFullError if error.errno in NO_SPACE else OutputError
    return kind(f"'{folder}' cannot be used: {error.strerror}")


def _earlier_companions(folder: Path) -> list[Path]:
    """Return the companion files that an earlier run says it copied; none if it says nothing."""
    try:
        report = json.loads((folder / REPORT_FILE).read_text("utf-8"))
        names = [Path(name) for name in report.get("companions", [])]
    except (OSError, ValueError, AttributeError, TypeError):
        return []
    return [name for name in names if name.name not in ("", "..") and _is_inside(folder, name)]


def _is_inside(folder: Path, name: Path) -> bool:
    """Tell whether a file lies in a folder, links on the way to it followed."""
    home = folder.resolve()
    return (home / name).parent.resolve().is_relative_to(home)
