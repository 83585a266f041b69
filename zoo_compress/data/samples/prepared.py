"""Keep prepared models in the cache: built beside, renamed into place, reused."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zoo_compress.core import Artifact, Task
from zoo_compress.errors import DiskFullError, SampleError
from zoo_compress.files import NO_SPACE

MODEL_NAME = "model.onnx"


def prepare(folder: Path, build: Callable[[Path], None]) -> Path:
    """Return `folder`, filled by `build` if it is not there yet.

    `build` fills a temporary folder beside it, so that a half-built one is never reused.

    Raises:
        DiskFullError: If the disk or the user's quota is full.
        SampleError: If the folder cannot be written for another reason.
    """
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
            built = Path(beside, folder.name)
            built.mkdir()
            build(built)
            _move(built, folder)
    except OSError as error:
        kind = DiskFullError if error.errno in NO_SPACE else SampleError
        raise kind(f"'{folder}' cannot be prepared: {error.strerror or error}") from error
    return folder


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write one of the small files that lie beside a model."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def sample_artifact(
    name: str, folder: Path, *, revision: str, licence: str, task: Task
) -> Artifact:
    """Return the artifact for a prepared folder: `model.onnx`, everything else a companion."""
    model = folder / MODEL_NAME
    return Artifact(
        source=f"sample:{name}",
        model_path=model,
        companions=tuple(sorted(path for path in folder.iterdir() if path != model)),
        revision=revision,
        licence=licence,
        task=task,
    )


def _move(built: Path, folder: Path) -> None:
    try:
        built.rename(folder)
    except OSError:
        # Another process may have been faster; its folder is as good.
        if not folder.is_dir():
            raise
