"""Write files whole or not at all, and tell whether they are what they were."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from zoo_compress.errors import DiskFullError, OutputError, ZooCompressError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

CHUNK_BYTES = 1 << 20


@contextmanager
def replacing(path: Path, *, needed: int) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` once the block has ended without an error.

    The bytes go to a temporary file in the same folder, are flushed to the disk and renamed. When
    anything fails, the temporary file is removed and `path` stays as it was.

    Args:
        path: The file to create or replace. Its folder must exist.
        needed: Bytes that will be written, for the message when the disk is full.

    Raises:
        DiskFullError: If the disk or the user's quota is full.
        OutputError: If the file cannot be written for another reason.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
            sync(file)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise write_error(path, error, needed=needed) from error
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write(path: Path, data: bytes | str) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part.

    Args:
        path: The file to create or replace. Its folder must exist.
        data: Bytes, or text that is stored as UTF-8.

    Raises:
        DiskFullError: If the disk or the user's quota is full.
        OutputError: If the file cannot be written for another reason.
    """
    content = data.encode() if isinstance(data, str) else data
    with replacing(path, needed=len(content)) as file:
        file.write(content)


def build_once(
    folder: Path, build: Callable[[Path], None], *, failure: type[ZooCompressError]
) -> Path:
    """Return `folder`, filled by `build` if it is not there yet.

    `build` fills a temporary folder beside it, so that a half-built one is never reused.

    Args:
        folder: The folder to create.
        build: Writes the files into the folder that it is given.
        failure: What to raise if the folder cannot be written, though there is space.

    Raises:
        DiskFullError: If the disk or the user's quota is full.
    """
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
            built = Path(beside, folder.name)
            built.mkdir()
            build(built)
            _move(built, folder)
    except OSError as error:
        kind = DiskFullError if error.errno in NO_SPACE else failure
        raise kind(f"'{folder}' cannot be prepared: {error.strerror or error}") from error
    return folder


def sync(file: BinaryIO) -> None:
    """Bring what was written to `file` onto the disk, so that a full disk shows itself now."""
    file.flush()
    os.fsync(file.fileno())


def _move(built: Path, folder: Path) -> None:
    try:
        built.rename(folder)
    except OSError:
        # Another process may have been faster; its folder is as good.
        if not folder.is_dir():
            raise


def chunks(source: Path | bytes) -> Iterator[bytes]:
    """Return the content of a file piece by piece; bytes are one piece."""
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    for chunk in chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def first_link(folder: Path, name: str) -> Path | None:
    """Return the first symbolic link on the way from a folder to a file in it, None if none.

    Args:
        folder: Where to start; that it may be a link itself does not matter.
        name: Relative path of the file.
    """
    path = folder
    for part in PurePosixPath(name).parts:
        path = path / part
        if path.is_symlink():
            return path
    return None


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder onto the disk."""
    # Windows cannot open a folder; there the rename is durable by itself.
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_error(path: Path, error: OSError, *, needed: int) -> DiskFullError | OutputError:
    """Return the error of ours that says why `path` could not be written.

    Args:
        path: The file or folder.
        error: What the system said.
        needed: Bytes that were to be written.
    """
    if error.errno in NO_SPACE:
        return DiskFullError(
            f"{path}: the disk is full ({error.strerror}); the file needs {needed} bytes"
        )
    return OutputError(f"{path}: cannot be written: {error.strerror or error}")
