"""Keep prepared models in the cache: built beside, renamed into place, reused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zoo_compress.core import Artifact, Task
from zoo_compress.errors import SampleError
from zoo_compress.files import build_once

MODEL_NAME = "model.onnx"


def prepare(folder: Path, build: Callable[[Path], None]) -> Path:
    """Return `folder`, filled by `build` if it is not there yet.

    Raises:
        DiskFullError: If the disk or the user's quota is full.
        SampleError: If the folder cannot be written for another reason.
    """
    return build_once(folder, build, failure=SampleError)


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
