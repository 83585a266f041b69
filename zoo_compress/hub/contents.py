"""What is to be published: each file, where it goes, and the digests that tell it apart."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from zoo_compress.errors import OutputError
from zoo_compress.files import chunks


@dataclass(frozen=True, kw_only=True)
class Content:
    """A file to publish.

    Attributes:
        path: Where it goes in the repository.
        source: The local file, or the bytes themselves.
        size: Its bytes.
        sha256: Digest that the Hub keeps of large files.
        git_sha1: Digest that git keeps of the others: of a header with the size, then the bytes.
    """

    path: str
    source: Path | bytes
    size: int
    sha256: str
    git_sha1: str

    @classmethod
    def of(cls, path: str, source: Path | bytes) -> Content:
        """Read a file once for both digests.

        Raises:
            ValueError: If `path` is no relative path inside a repository.
            OutputError: If the file is a link: what it points to need not be meant for the public.
            OSError: If the file cannot be read.
        """
        _require_inside(path)
        if isinstance(source, Path) and source.is_symlink():
            raise OutputError(f"'{source}' is a link, which is never published; put a copy there")
        size = source.stat().st_size if isinstance(source, Path) else len(source)
        sha256, git_sha1 = hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
        git_sha1.update(f"blob {size}\0".encode())
        for chunk in chunks(source):
            sha256.update(chunk)
            git_sha1.update(chunk)
        return cls(
            path=path,
            source=source,
            size=size,
            sha256=sha256.hexdigest(),
            git_sha1=git_sha1.hexdigest(),
        )


def _require_inside(path: str) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or "\\" in path or ".." in parts or ".git" in parts:
        raise ValueError(f"'{path}' is no path inside a repository")
