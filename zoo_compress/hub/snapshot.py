"""What of the Hub's repositories is on this disk, and whether it is still whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_compress.errors import DiskFullError, OutputError
from zoo_compress.files import atomic_write
from zoo_compress.hub.checksum import is_as_listed
from zoo_compress.hub.listing import Listing, is_commit

DEFAULT_BRANCH = ""
"""Stands for the branch that is meant when no revision is named."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The files of one commit in the cache.

    A file is compared with the Hub's digest once, after it was fetched, and its size and the time
    of its last change are noted. As long as both stay, it counts as whole; when one of them
    changed, it is compared again.

    Attributes:
        listing: What the commit holds.
        folder: Mirrors the repository.
    """

    listing: Listing
    folder: Path

    def is_whole(self, name: str) -> bool:
        """Tell whether a file is here with the bytes that the Hub lists."""
        path, file = self.folder / name, self.listing.files[name]
        if not path.is_file() or path.is_symlink():
            return False
        if file.size is not None and path.stat().st_size != file.size:
            return False
        if self._notes().get(name) == _mark(path):
            return True
        if not is_as_listed(path, file):
            return False
        self.note(name)
        return True

    def note(self, name: str) -> None:
        """Note that a file was compared with its digest, if the cache can be written."""
        marks = {**self._notes(), name: _mark(self.folder / name)}
        _keep(self._notes_path, marks)

    @property
    def _notes_path(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.whole.json")

    def _notes(self) -> Mapping[str, Any]:
        return _recall(self._notes_path) or {}


@dataclass(frozen=True, kw_only=True)
class RepositoryCache:
    """Everything that was kept of one repository.

    Attributes:
        folder: Holds a folder for each commit, what each commit lists, and the commits that
            branches and tags stood for when they were last looked up.
    """

    folder: Path

    def snapshot(self, listing: Listing) -> Snapshot:
        """Return the place of a commit's files."""
        return Snapshot(listing=listing, folder=self.folder / listing.sha)

    def keep(self, revision: str | None, listing: Listing) -> None:
        """Remember a listing, and that a revision stood for it, if the cache can be written."""
        _keep(self.folder / f"{listing.sha}.json", listing.as_document())
        commits = {**self._commits(), revision or DEFAULT_BRANCH: listing.sha}
        _keep(self.folder / "revisions.json", commits)

    def recall(self, revision: str | None) -> Listing | None:
        """Return what a revision held when it was last looked up, None if it never was."""
        sha = revision if is_commit(revision) else self._commits().get(revision or DEFAULT_BRANCH)
        if not isinstance(sha, str) or not is_commit(sha):
            return None
        document = _recall(self.folder / f"{sha}.json")
        try:
            return None if document is None else Listing.from_document(document)
        except (KeyError, TypeError, AttributeError):
            return None

    def _commits(self) -> Mapping[str, Any]:
        return _recall(self.folder / "revisions.json") or {}


def repository_cache(cache: Path, repo_id: str) -> RepositoryCache:
    """Return the part of the cache that belongs to a repository."""
    return RepositoryCache(folder=cache / "hub" / repo_id.replace("/", "--"))


def _mark(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _keep(path: Path, document: Mapping[str, Any]) -> None:
    # These notes save work. What is here can be used where nothing can be written.
    with suppress(OutputError, DiskFullError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, json.dumps(document, indent=1))


def _recall(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
