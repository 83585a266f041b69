"""A repository with its history: files, commits, branches, tags and pull requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tests.hub_server.exchange import RefusedError

LFS_SUFFIXES = (".onnx", ".onnx_data", ".data", ".bin", ".safetensors", ".npz", ".gguf", ".pt")
GIT_ATTRIBUTES = "".join(f"*{suffix} filter=lfs\n" for suffix in LFS_SUFFIXES).encode()
INITIAL_TITLE = "initial commit"


@dataclass(frozen=True)
class File:
    """One version of a file.

    Attributes:
        lfs: Whether it is large: kept apart and known by its sha256.
        claimed_size: A size to lie about in listings.
    """

    data: bytes
    lfs: bool = False
    claimed_size: int | None = None

    @property
    def size(self) -> int:
        return len(self.data) if self.claimed_size is None else self.claimed_size

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def blob_id(self) -> str:
        """The git object: of the file, or of the pointer to a large one."""
        return git_blob(self.pointer if self.lfs else self.data)

    @property
    def pointer(self) -> bytes:
        head = "version https://git-lfs.github.com/spec/v1"
        return f"{head}\noid sha256:{self.sha256}\nsize {self.size}\n".encode()

    @property
    def oid(self) -> str:
        """What the Hub compares uploads with."""
        return self.sha256 if self.lfs else self.blob_id


@dataclass(frozen=True, kw_only=True)
class Commit:
    sha: str
    parent: str | None
    files: Mapping[str, File]
    title: str
    description: str = ""
    author: str = "me"


@dataclass
class Repository:
    """Attributes say who may see what; every commit stays reachable by its sha."""

    id: str
    private: bool = False
    gated: bool = False
    disabled: bool = False
    admitted: set[str] = field(default_factory=set)
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pull_requests: dict[str, str] = field(default_factory=dict)
    titles: dict[int, str] = field(default_factory=dict)
    authors: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._move(
            "main", self._new(None, {".gitattributes": File(GIT_ATTRIBUTES)}, INITIAL_TITLE)
        )

    @property
    def namespace(self) -> str:
        return self.id.split("/")[0]

    def head(self, revision: str = "main") -> Commit:
        """Return the commit that a branch, tag, pull request or sha stands for."""
        for refs in (self.branches, self.tags, self.pull_requests, {s: s for s in self.commits}):
            if revision in refs:
                return self.commits[refs[revision]]
        raise RefusedError(404, f"Invalid rev id: {revision}", code="RevisionNotFound")

    def files(self, revision: str = "main") -> dict[str, bytes]:
        """Return the contents by path, without what the Hub itself put there."""
        files = self.head(revision).files
        return {path: file.data for path, file in files.items() if path != ".gitattributes"}

    def history(self, revision: str = "main") -> list[Commit]:
        """Return the commits, the last one first."""
        found = [self.head(revision)]
        while (parent := found[-1].parent) is not None:
            found.append(self.commits[parent])
        return found

    def commit(
        self,
        files: Mapping[str, File],
        *,
        title: str,
        description: str = "",
        revision: str = "main",
        author: str = "me",
        parent: str | None = None,
    ) -> Commit:
        """Put a commit with exactly these files on a branch or pull request.

        Args:
            parent: The commit that the revision must be at, if the client named one.
        """
        head = self.head(revision)
        if parent is not None and parent != head.sha:
            message = "A commit has happened since. Please refresh and try again."
            raise RefusedError(412, message)
        made = self._new(head.sha, files, title, description, author)
        self._move(revision, made)
        return made

    def open_pull_request(self, title: str, base: str = "main", author: str = "me") -> int:
        """Open a pull request and return its number; its ref is `refs/pr/<number>`."""
        number = len(self.titles) + 1
        self.titles[number] = title
        self.authors[number] = author
        self.pull_requests[f"refs/pr/{number}"] = self.head(base).sha
        return number

    def _new(
        self,
        parent: str | None,
        files: Mapping[str, File],
        title: str,
        description: str = "",
        author: str = "system",
    ) -> Commit:
        # The number keeps commits of the same files apart, as the date does in git.
        content = {path: file.blob_id for path, file in sorted(files.items())}
        identity = json.dumps([self.id, len(self.commits), parent, content, title])
        sha = hashlib.sha1(identity.encode()).hexdigest()
        self.commits[sha] = Commit(
            sha=sha,
            parent=parent,
            files=dict(files),
            title=title,
            description=description,
            author=author,
        )
        return self.commits[sha]

    def _move(self, revision: str, commit: Commit) -> None:
        refs = self.pull_requests if revision in self.pull_requests else self.branches
        refs[revision] = commit.sha


def git_blob(data: bytes) -> str:
    """Return the name that git gives to a file of these bytes."""
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


def is_large(path: str, size: int, lfs_bytes: int) -> bool:
    """Tell whether the Hub would keep a file apart, by its name or its size."""
    return path.endswith(LFS_SUFFIXES) or size > lfs_bytes
