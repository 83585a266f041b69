"""Copy files of a folder into another one, in the same places."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Sequence
from pathlib import Path

from zoo_compress.errors import OutputError
from zoo_compress.files import replacing


def mirror(source: Path, names: Sequence[str], target: Path, *, overwrite: bool) -> None:
    """Copy files; those that are there with the same bytes are left alone.

    Copies rather than links, since external data that is reached through a link is refused.

    Args:
        source: The folder to copy from.
        names: Paths of the files in it.
        target: The folder to copy to, made if it is missing.
        overwrite: Whether other files of those names may be replaced.

    Raises:
        OutputError: If there are others and they may not, or the folder cannot be written. Then
            nothing was copied that is not whole.
        DiskFullError: If the files do not fit on the disk.
    """
    lacking = [name for name in names if not _is_same(source / name, target / name)]
    taken = [name for name in lacking if (target / name).exists()]
    if taken and not overwrite:
        raise OutputError(
            f"'{target / taken[0]}' is there already, with other bytes; name another folder or "
            "give --overwrite"
        )
    for name in lacking:
        _copy(source / name, target / name)


def _is_same(source: Path, target: Path) -> bool:
    return target.is_file() and filecmp.cmp(source, target, shallow=False)


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"'{target.parent}' cannot be made: {error.strerror}") from error
    with source.open("rb") as opened, replacing(target, needed=source.stat().st_size) as file:
        shutil.copyfileobj(opened, file, 1 << 20)
