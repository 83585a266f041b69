"""What a pull brings, and what it would bring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """A model fetched from the Hub.

    Attributes:
        root: The folder that mirrors the repository.
        file: Path of the model in the repository.
        model_path: The `.onnx` file in the folder.
        revision: Commit sha.
        gated: Whether the repository is given only to those who accept its terms.
        files: Everything that belongs to the model, by path in the repository, the model first.
        fetched: Those of the files that were not in the cache.
        notes: What the user should know, for example that the Hub could not be asked.
    """

    root: Path
    file: str
    model_path: Path
    revision: str
    gated: bool
    files: tuple[str, ...]
    fetched: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlannedFile:
    """A file that a pull would bring, or has no need to because the cache has it."""

    path: str
    size: int | None
    cached: bool


@dataclass(frozen=True, kw_only=True)
class PullPlan:
    """What a pull would do.

    Attributes:
        models: Paths of the models.
        files: All files of which it is known that they are needed.
        unread: Models that are too large to be fetched for a plan, so that it is not known yet
            which external data they have.
    """

    models: tuple[str, ...]
    files: tuple[PlannedFile, ...]
    unread: tuple[str, ...]
