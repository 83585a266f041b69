"""Where data lies: the path that the user typed, and which columns of it to read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

REMOTE = "hf://"
"""What the name of a dataset on the Hub begins with."""


@dataclass(frozen=True, kw_only=True)
class Location:
    """A file or folder, and the columns to read of it.

    Attributes:
        path: The file or folder.
        columns: Names of one column, or of two that make pairs; empty where nobody said.
    """

    path: Path
    columns: tuple[str, ...] = ()


def locate(data: str) -> Location:
    """Split `reviews.csv:text` or `pairs.csv:first,second` into file and columns.

    A path that exists as it is has no columns, whatever colons it holds.
    """
    head, colon, names = data.rpartition(":")
    # os.path answers False where pathlib raises: names that no file can have.
    if os.path.exists(data) or not colon or not os.path.isfile(head):
        return Location(path=Path(data))
    return Location(path=Path(head), columns=tuple(name.strip() for name in names.split(",")))
