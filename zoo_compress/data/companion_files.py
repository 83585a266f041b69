"""The JSON files that say how a model's inputs are prepared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zoo_compress.core import Artifact
from zoo_compress.errors import InputError


def companion(artifact: Artifact, name: str) -> Path | None:
    """Return the file of a name among those that belong to a model, if it is there."""
    return next((path for path in artifact.companions if path.name == name), None)


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds one object.

    Raises:
        InputError: If it cannot be read, or holds something else.
    """
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path.name}: not readable as JSON: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path.name}: expected an object with keys, found {found!r:.60}")
    return found


def companion_object(artifact: Artifact, name: str) -> dict[str, Any]:
    """Return what a companion file of a name holds; nothing if there is none.

    Raises:
        InputError: As `read_object` does.
    """
    path = companion(artifact, name)
    return {} if path is None else read_object(path)
