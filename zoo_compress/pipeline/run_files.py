"""The files of a finished run: recorded when they are written, held against it before use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from zoo_compress.errors import OutputError
from zoo_compress.files import file_digest, first_link
from zoo_compress.pipeline.folder import (
    CARD_FILE,
    CHECKPOINT_FOLDER,
    PENDING_FOLDER,
    REJECTED_FOLDER,
    REPORT_FILE,
    holds_run,
)
from zoo_compress.pipeline.report_file import finished_report
from zoo_compress.pipeline.settings import SETTINGS_FILE
from zoo_compress.report.card import PICTURES

NO_RESULT = {
    REJECTED_FOLDER: "a model that failed the publish gate",
    PENDING_FOLDER: "a model that was not checked yet",
    CHECKPOINT_FOLDER: "a candidate that was not checked yet",
}
"""What the folders inside a run hold that are no results."""

EDITABLE = frozenset({CARD_FILE, *PICTURES})
"""Files that a user may change after the run: the card is there to be added to, and
`zoo-compress card` makes it anew."""


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """A run's folder whose files are those that were written.

    Attributes:
        folder: The folder.
        report: The content of `run.json`.
        model: Name of the model's file.
        data: Names of its external data files.
        others: Names of the other files that the run left for its users, `run.json` apart.
    """

    folder: Path
    report: Mapping[str, Any]
    model: str
    data: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all files but `run.json`."""
        return (self.model, *self.data, *self.others)

    @property
    def edited(self) -> bool:
        """Whether the card is not the one that the run has written."""
        recorded: object = self.report["files"].get(CARD_FILE, {}).get("sha256")
        return file_digest(self.folder / CARD_FILE) != recorded

    @property
    def model_path(self) -> Path:
        """The model's file."""
        return self.folder / self.model


def file_records(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return size and SHA-256 of files, as `run.json` keeps them."""
    return {
        name: {"bytes": (folder / name).stat().st_size, "sha256": file_digest(folder / name)}
        for name in names
    }


def finished_run(folder: Path) -> FinishedRun:
    """Read a finished run and check that its files are those that it has written.

    Raises:
        OutputError: If the folder holds no finished run, or a file of it is missing, is a link,
            or was changed.
    """
    report = _report(folder)
    recorded = report.get("files")
    if not isinstance(recorded, dict) or not recorded:
        raise OutputError(
            f"'{folder}' holds a run of an earlier version, which did not record its files; "
            f"`zoo-compress resume {folder}` writes it again"
        )
    for name, record in recorded.items():
        _require_unchanged(folder, str(name), record)
    model, data = _model_names(report, recorded)
    others = tuple(name for name in recorded if name not in (model, *data))
    return FinishedRun(folder=folder, report=report, model=model, data=data, others=others)


def require_checked(folder: Path) -> None:
    """Check that a folder is not one in which a run keeps models that passed no gate.

    Raises:
        OutputError: If it is.
    """
    kind = NO_RESULT.get(folder.absolute().name)
    if kind is not None and holds_run(folder.absolute().parent):
        raise OutputError(f"'{folder}' holds {kind}; only a finished run can be published")


def _report(folder: Path) -> dict[str, Any]:
    require_checked(folder)
    if (folder / REJECTED_FOLDER).is_dir() and not (folder / REPORT_FILE).exists():
        raise OutputError(f"'{folder}' holds no finished run: its model failed the publish gate")
    for name in (REPORT_FILE, SETTINGS_FILE):
        _require_plain(folder, name)
    return finished_report(folder)


def _model_names(
    report: Mapping[str, Any], recorded: Mapping[str, Any]
) -> tuple[str, tuple[str, ...]]:
    model = PurePosixPath(str(report.get("model_path", "")).replace("\\", "/")).name
    if model not in recorded:
        raise OutputError(f"{REPORT_FILE} names the model '{model}', which is none of its files")
    data = tuple(str(name) for name in recorded if str(name) == f"{model}.data")
    return model, data


def _require_unchanged(folder: Path, name: str, record: Any) -> None:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or name.startswith("/") or "\\" in name:
        raise OutputError(f"'{folder}': {REPORT_FILE} names '{name}', which is no file of a run")
    _require_plain(folder, name)
    path = folder / name
    if not path.is_file():
        raise OutputError(f"'{path}' is missing; `zoo-compress resume {folder}` writes it again")
    if name in EDITABLE:
        return
    try:
        expected = int(record["bytes"]), str(record["sha256"])
    except (KeyError, TypeError, ValueError) as error:
        raise OutputError(f"'{folder}': {REPORT_FILE} says nothing of '{name}'") from error
    found = path.stat().st_size, file_digest(path)
    if found != expected:
        raise OutputError(
            f"'{path}' was changed since the run: it has {found[0]} bytes with sha256 "
            f"{found[1][:12]}…, {REPORT_FILE} says {expected[0]} with {expected[1][:12]}…; "
            f"`zoo-compress resume {folder}` writes it again"
        )


def _require_plain(folder: Path, name: str) -> None:
    """Check that neither a file nor a folder on the way to it is a link."""
    if (link := first_link(folder, name)) is not None:
        raise OutputError(
            f"'{link}' is a link; only files of the run itself are published, put a copy there"
        )
