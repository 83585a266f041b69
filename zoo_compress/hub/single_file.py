"""Fetch one file from the Hub, at one commit."""

from __future__ import annotations

from pathlib import Path

from zoo_compress.core import ProgressCallback, ignore_progress
from zoo_compress.errors import HubError
from zoo_compress.hub.repository import open_repository


def fetch_file(
    repo_id: str,
    file: str,
    *,
    revision: str | None,
    cache: Path,
    progress: ProgressCallback = ignore_progress,
) -> Path:
    """Fetch a file, compare it with the Hub's digest and return where it lies.

    Args:
        repo_id: `owner/name`.
        file: Its path in the repository.
        revision: Branch, tag, commit or `refs/pr/N`; the default branch if None.
        cache: Folder for downloads.
        progress: Told the bytes that arrive.

    Raises:
        HubError: If the Hub refuses, has no such file, or cannot be reached and the cache knows
            no such revision.
        DiskFullError: If the file does not fit on the disk.
    """
    repository = open_repository(repo_id, cache=cache, revision=revision, progress=progress)
    if file not in repository.listing.files:
        raise HubError(f"'{repo_id}' has no file '{file}'")
    repository.download.fetch([file])
    return repository.root / file
