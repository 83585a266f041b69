"""What a repository on the Hub holds at one commit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.hf_api import ModelInfo, RepoSibling

from zoo_compress.errors import HubError

INFO_SECONDS = 30.0
"""Time for the Hub to describe a repository; the client itself would wait for ever."""

_GIT_SHA1 = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file as the Hub lists it.

    Attributes:
        size: Bytes, None if the Hub does not say.
        sha256: Digest of a large file, which git keeps only a pointer to.
        git_sha1: Name of the git object; for a large file that of the pointer, so not kept.
    """

    size: int | None = None
    sha256: str | None = None
    git_sha1: str | None = None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A repository at one commit.

    Attributes:
        repo_id: `owner/name`.
        sha: The commit.
        gated: Whether its files are given only to those who accept its terms.
        files: By path, those only whose path stays inside the repository's folder.
    """

    repo_id: str
    sha: str
    gated: bool
    files: Mapping[str, RemoteFile]

    def size(self, name: str) -> int:
        """Return the bytes of a file, 0 if the Hub does not say."""
        return self.files[name].size or 0

    def as_document(self) -> dict[str, Any]:
        """Return the listing as JSON values."""
        files = {name: asdict(file) for name, file in self.files.items()}
        return {"repo_id": self.repo_id, "sha": self.sha, "gated": self.gated, "files": files}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Listing:
        """Return the listing that `as_document` described."""
        files = {name: RemoteFile(**file) for name, file in document["files"].items()}
        return cls(**{**document, "files": files})


def is_commit(revision: str | None) -> bool:
    """Tell whether a revision is the whole sha of a commit, which never moves."""
    return revision is not None and _GIT_SHA1.fullmatch(revision) is not None


def describe_repository(api: HfApi, repo_id: str, revision: str | None) -> ModelInfo:
    """Ask the Hub which commit a revision stands for and what that commit holds."""
    return api.model_info(repo_id, revision=revision, files_metadata=True, timeout=INFO_SECONDS)


def listing_of(repo_id: str, info: ModelInfo) -> Listing:
    """Return the listing in an answer of the Hub.

    Raises:
        HubError: If the answer names no commit.
    """
    # The sha becomes a folder name and the file names become paths below it.
    if not isinstance(info.sha, str) or not is_commit(info.sha):
        raise HubError(f"'{repo_id}': the Hub named no commit but {info.sha!r}")
    files = {
        sibling.rfilename: _file(sibling)
        for sibling in info.siblings or []
        if isinstance(sibling.rfilename, str) and stays_inside(sibling.rfilename)
    }
    return Listing(repo_id=repo_id, sha=info.sha, gated=bool(info.gated), files=files)


def stays_inside(name: str) -> bool:
    """Tell whether a path stays inside a folder, on Windows and everywhere else."""
    readings = (PurePosixPath(name), PureWindowsPath(name))
    leaves = any(reading.anchor or ".." in reading.parts for reading in readings)
    return bool(readings[0].parts) and not leaves and not set(name) & {"\\", "\0"}


def _file(sibling: RepoSibling) -> RemoteFile:
    size = sibling.size if isinstance(sibling.size, int) and sibling.size >= 0 else None
    if sibling.lfs is not None:
        return RemoteFile(size=size, sha256=_matching(_SHA256, sibling.lfs.sha256))
    return RemoteFile(size=size, git_sha1=_matching(_GIT_SHA1, sibling.blob_id))


def _matching(pattern: re.Pattern[str], digest: object) -> str | None:
    return digest if isinstance(digest, str) and pattern.fullmatch(digest) else None
