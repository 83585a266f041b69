"""Compare a file with the digest that the Hub lists for it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from zoo_compress.files import chunks
from zoo_compress.hub.listing import RemoteFile


def is_as_listed(path: Path, file: RemoteFile) -> bool:
    """Tell whether a file has the size and the digest that the Hub lists.

    That is the SHA-256 of a large file, and the SHA-1 that git gives to a small one. Where the Hub
    lists neither, the size alone decides.
    """
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return False
    if file.sha256 is not None:
        return _digest(path, hashlib.sha256()) == file.sha256
    if file.git_sha1 is not None:
        # Git names a blob by the hash of this header and its bytes; it guards against nothing.
        header = f"blob {size}\0".encode()
        return _digest(path, hashlib.sha1(header, usedforsecurity=False)) == file.git_sha1
    return True


def _digest(path: Path, digest: hashlib._Hash) -> str:
    for chunk in chunks(path):
        digest.update(chunk)
    return digest.hexdigest()
