"""The files of a kind in a folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path


def files_below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files below a folder that end in one of `suffixes`, sorted by name.

    Hidden ones are left out: other programs leave such behind, previews for example.

    Args:
        folder: The folder, searched through all its folders.
        suffixes: In lower case, with their dots; in the files' names case does not count.
    """
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
    )
