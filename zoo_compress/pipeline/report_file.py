"""Read the record of a finished run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zoo_compress.errors import OutputError
from zoo_compress.pipeline.folder import REPORT_FILE, holds_run


def finished_report(folder: Path) -> dict[str, Any]:
    """Return the content of the `run.json` in a run's folder.

    Raises:
        OutputError: If the folder holds no run, or one that was not finished, or the record
            cannot be read.
    """
    path = folder / REPORT_FILE
    if not holds_run(folder) and not path.is_file():
        raise OutputError(f"'{folder}' holds no run")
    try:
        report = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise OutputError(
            f"'{folder}' holds a run that was not finished; `zoo-compress resume {folder}` first"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise OutputError(f"'{path}' cannot be read: {error}") from error
    if not isinstance(report, dict):
        raise OutputError(f"'{path}' is no record of a run: it holds no JSON object")
    return report
