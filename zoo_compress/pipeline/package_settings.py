"""What `package` is asked to do and what it comes to, as the command line sees both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zoo_compress.manifest import Manifest, Target


@dataclass(frozen=True, kw_only=True)
class PackageSettings:
    """What the user asked for.

    Attributes:
        source: The folder of a finished run, or a model.
        target: What the bundle is for.
        out: Its folder.
        name: Name under which a server offers the model; None for that of the original.
        device: Where a server runs it.
        instances: How many requests a server runs at once.
        with_original: Whether the original goes beside it, to be compared on the same requests.
        data: Inputs whose first one shows that the model runs; None for a synthetic one.
        overwrite: Whether a bundle that is already there may be replaced.
    """

    source: str
    target: Target
    out: Path
    name: str | None = None
    device: Literal["cpu", "gpu"] = "cpu"
    instances: int = 1
    with_original: bool = False
    data: str | None = None
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class PackageResult:
    """A bundle as it was written.

    Attributes:
        settings: What was asked.
        manifest: What the bundle says of itself.
        next: Lines that tell how to go on; the first is a command.
        notes: What the user should know.
    """

    settings: PackageSettings
    manifest: Manifest
    next: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "out": str(self.settings.out),
            **self.manifest.model_dump(),
            "next": list(self.next),
            "notes": list(self.notes),
        }
