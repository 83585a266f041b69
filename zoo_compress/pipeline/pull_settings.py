"""What a pull is asked for, and what it brings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class PullSettings:
    """What to fetch and where to.

    Attributes:
        source: `owner/name[@revision][:path/in/repo.onnx]`.
        out: Folder that gets copies, laid out as the repository is; the cache alone if None.
        every: Whether to fetch every model of the repository.
        dry_run: Whether to say only what would be fetched.
        overwrite: Whether files in `out` that differ may be replaced.
    """

    source: str
    out: Path | None = None
    every: bool = False
    dry_run: bool = False
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class PullFile:
    """A file that belongs to what was asked for.

    Attributes:
        path: Path in the repository.
        bytes: Its size, None if the Hub does not say.
        cached: Whether it was in the cache already.
    """

    path: str
    bytes: int | None
    cached: bool


@dataclass(frozen=True, kw_only=True)
class PullResult:
    """What was fetched, or would be.

    Attributes:
        settings: What was asked for.
        repo_id: `owner/name`.
        revision: Commit sha.
        gated: Whether the repository is given only to those who accept its terms.
        licence: What its card states, if it is here.
        folder: The folder that mirrors the repository: in the cache, or the one asked for.
        models: Paths of the models in the repository.
        files: All files that belong to the models.
        unread: Models whose external data is not known before they are fetched; of a dry run.
        notes: What the user should know.
    """

    settings: PullSettings
    repo_id: str
    revision: str
    gated: bool
    licence: str | None
    folder: Path
    models: tuple[str, ...]
    files: tuple[PullFile, ...]
    unread: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "source": self.settings.source,
            "dry_run": self.settings.dry_run,
            "repo_id": self.repo_id,
            "revision": self.revision,
            "gated": self.gated,
            "licence": self.licence,
            "folder": str(self.folder),
            "models": [str(self.folder / model) for model in self.models],
            "files": [vars(file) for file in self.files],
            "unread": list(self.unread),
            "notes": list(self.notes),
        }
