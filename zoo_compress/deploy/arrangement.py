"""Where the files of a model go in a bundle, and what is added to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """The layout of a bundle.

    Attributes:
        home: Folder of the model, its card, plan and companions; `.` for the bundle itself.
        places: Name of a file of the model -> where it goes in `home`.
        added: What the target needs besides: path in the bundle -> the file to copy, or its bytes.
        next: Lines that tell how to go on from there; the first is a command.
        notes: What the user should know.
    """

    home: str
    places: Mapping[str, str]
    added: Mapping[str, Path | bytes] = field(default_factory=dict)
    next: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def path(self, place: str) -> str:
        """Return a place in `home` as a path in the bundle."""
        return place if self.home == "." else f"{self.home}/{place}"
