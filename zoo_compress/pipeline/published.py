"""The record of a run as it goes out: complete, but without the folders of this machine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from zoo_compress.hub.resolve import SAMPLE_PREFIX
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.plan import PlanFile

SIDES = ("search", "calibrate", "certify")


def published_source(source: str, origin: Mapping[str, Any]) -> str:
    """Return a SOURCE that leads to the same original from anywhere, as far as there is one.

    Args:
        source: What the user typed.
        origin: Where the original comes from, as `run.json` records it.
    """
    if source.startswith(SAMPLE_PREFIX):
        return source
    repo_id = origin.get("repo_id")
    if repo_id is None:
        return PurePath(source).name or source
    revision, file = origin.get("revision"), origin.get("file")
    return f"{repo_id}{f'@{revision}' if revision else ''}{f':{file}' if file else ''}"


def published_plan(plan: PlanFile, source: str) -> PlanFile:
    """Return a plan that names the original and the calibration inputs without folders."""
    record = plan.calibration
    if record is not None and record.data not in (None, "synthetic"):
        record = record.model_copy(update={"data": PurePath(str(record.data)).name})
    return plan.model_copy(update={"source": source, "calibration": record})


def published_split(split: Mapping[str, Any]) -> dict[str, Any]:
    """Return a split that lets inputs be recognised without naming them.

    Names of inputs can be names of private files; their digests are enough for `certify` to leave
    out what the search saw.
    """
    sides = {side: [name_digest(str(name)) for name in split.get(side, [])] for side in SIDES}
    return {"seed": split.get("seed"), "names": "sha256", **sides}


def name_digest(name: str) -> str:
    """Return the SHA-256 of an input's name."""
    return hashlib.sha256(name.encode()).hexdigest()


def published_report(
    report: Mapping[str, Any],
    *,
    source: str,
    model: str,
    plan: str,
) -> dict[str, Any]:
    """Return the content of `run.json` with paths of the repository in the place of local ones.

    The files in the repository are still to be listed.

    Args:
        report: The run's own.
        source: The original, as `published_source` names it.
        model: Path of the model in the repository.
        plan: Path of the plan there.
    """
    own = {"source": source, "model_path": model, "plan_path": plan}
    return {**report, **own, "files": {}}


class Scrubber:
    """Takes the folders of this machine out of texts; what is left is the last part of a path."""

    def __init__(self, settings: RunSettings, folder: Path) -> None:
        """Gather the paths that the run was given, and where they lie."""
        given = [settings.source, settings.data or "", settings.recipe or "", str(settings.folder)]
        named = [path for path in (*given, str(folder)) if _is_local(path)]
        everywhere = {form for path in named for form in (path, os.path.abspath(path))}
        self._paths = sorted(everywhere, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return a text without them."""
        for path in self._paths:
            text = text.replace(path, PurePath(path).name)
        return text

    def value(self, value: Any) -> Any:
        """Return a JSON value without them, in whatever depth."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value


def _is_local(path: str) -> bool:
    """Tell whether a text names a folder that could be recognised in another text."""
    return len(PurePath(path).parts) > 1 and (os.path.isabs(path) or os.path.exists(path))


def to_json(value: Any) -> bytes:
    """Return a document as the bytes of a file."""
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()
