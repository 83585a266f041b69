"""What the record of a run says of a model that lies beside it, wherever both came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo_compress.files import file_digest
from zoo_compress.manifest import OriginalRecord
from zoo_compress.pipeline.folder import REPORT_FILE


def report_on(model: Path, home: Path) -> Mapping[str, Any] | None:
    """Return the record of the run that made a model, if it lies in a folder and speaks of it.

    Args:
        model: The model's file.
        home: Folder of what belongs to it.
    """
    try:
        text = (home / REPORT_FILE).read_text("utf-8")
        report = json.loads(text, parse_constant=_no_number)
        recorded = report["files"][model.relative_to(home).as_posix()]["sha256"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return report if file_digest(model) == recorded else None


def original_in(report: Mapping[str, Any] | None) -> OriginalRecord | None:
    """Return what a record says that the model was made from; it may come from a stranger."""
    if report is None:
        return None
    known = {key: report.get(key) for key in ("revision", "model_sha256")}
    texts = {key: value for key, value in known.items() if isinstance(value, str)}
    return OriginalRecord(
        source=str(report.get("source")),
        revision=texts.get("revision"),
        sha256=texts.get("model_sha256"),
    )


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
