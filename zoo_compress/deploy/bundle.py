"""The folder of a bundle: written whole or not at all, and never over anything else."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from zoo_compress.errors import OutputError, SourceError
from zoo_compress.files import chunks, sync, sync_folder, write_error
from zoo_compress.manifest import MANIFEST_FILE, FileRecord, Manifest, is_bundle, read_manifest

Files = Mapping[str, Path | bytes]
"""Path in the bundle -> the file to copy, or its bytes."""

BYTE_CODE = "__pycache__"
"""What Python leaves beside the code of a server that was started in the bundle."""


def check_destination(out: Path, *, overwrite: bool) -> None:
    """Check that a bundle may be written to a path, before any work is done for it.

    Raises:
        OutputError: If it exists and is no empty folder, and no bundle that `overwrite` allows to
            replace; or if it holds files that are no part of that bundle.
    """
    if out.is_symlink():
        raise OutputError(f"'{out}' is a link; name the folder itself, or another, with --out")
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputError(f"'{out}' is a file, expected a folder for the bundle")
    if not any(out.iterdir()):
        return
    if not is_bundle(out):
        raise OutputError(f"'{out}' holds files but no bundle; name another folder with --out")
    if not overwrite:
        raise OutputError(f"'{out}' already holds a bundle; use --overwrite or another --out")
    _require_nothing_else(out)


def write_bundle(
    out: Path,
    files: Files,
    describe: Callable[[Mapping[str, FileRecord]], Manifest],
) -> Manifest:
    """Write a bundle beside its place and rename it: there is all of it or what was there before.

    Args:
        out: Its folder, which `check_destination` has allowed.
        files: Everything in it but the manifest.
        describe: Makes the manifest of what was written.

    Raises:
        DiskFullError: If the disk is full.
        OutputError: If the folder cannot be written.
    """
    place = Path(os.path.abspath(out))
    temporary = place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")
    try:
        temporary.mkdir(parents=True)
        records = {name: _write(temporary / name, files[name]) for name in sorted(files)}
        manifest = describe(records)
        _write(temporary / MANIFEST_FILE, manifest.to_json().encode())
        _replace(place, temporary)
    except OSError as error:
        needed = sum(map(_size, files.values()))
        raise write_error(out, error, needed=needed) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return manifest


def _write(path: Path, source: Path | bytes) -> FileRecord:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, written = hashlib.sha256(), 0
    with path.open("xb") as target:
        for chunk in chunks(source):
            target.write(chunk)
            digest.update(chunk)
            written += len(chunk)
        sync(target)
    return FileRecord(bytes=written, sha256=digest.hexdigest())


def _replace(place: Path, made: Path) -> None:
    """Put a finished folder where an earlier bundle, an empty folder or nothing is."""
    earlier = made.with_name(f"{made.name}.old")
    if place.exists():
        place.rename(earlier)
    try:
        made.rename(place)
    except OSError:
        if earlier.exists():
            earlier.rename(place)
        raise
    sync_folder(place.parent)
    shutil.rmtree(earlier, ignore_errors=True)


def _require_nothing_else(out: Path) -> None:
    try:
        known = set(read_manifest(out).files) | {MANIFEST_FILE}
    except SourceError as error:
        raise OutputError(f"{error}; name another folder with --out") from error
    found = (path for path in out.rglob("*") if path.is_symlink() or not path.is_dir())
    for path in found:
        name = PurePosixPath(path.relative_to(out).as_posix())
        if str(name) not in known and BYTE_CODE not in name.parts:
            raise OutputError(
                f"'{path}' is no part of the bundle in '{out}', which would be replaced; move it "
                "away or name another folder with --out"
            )


def _size(source: Path | bytes) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size
