"""What a bundle says of itself: the model in it, where that comes from, and every file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zoo_compress.errors import SourceError
from zoo_compress.files import file_digest, first_link

MANIFEST_FILE = "zoo-compress.json"

Target = Literal["plain", "transformers-js", "triton", "docker"]

EDITABLE = frozenset({"README.md", "config.pbtxt"})
"""Names of files beside a model that its users may change: what the model computes stays."""


class FileRecord(BaseModel):
    """Size and SHA-256 of a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class OriginalRecord(BaseModel):
    """The model that a compressed one was made from.

    Attributes:
        source: A SOURCE that leads to it, or the name of its file.
        revision: Commit sha or package version, if known.
        sha256: Digest of its file and external data, if known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    revision: str | None = None
    sha256: str | None = None


class Manifest(BaseModel):
    """The content of `zoo-compress.json`.

    Attributes:
        format: Version of this file format.
        zoo_compress: Version of the program that wrote it.
        target: What the bundle is for.
        name: Name of the model, as a server offers it.
        home: Folder of the model, its card, plan and companions; `.` for the bundle itself.
        model: The model's file, relative to the bundle like all files here.
        source: What was packaged, without folders of the machine where that was done.
        revision: Commit sha or package version of the source, if known.
        licence: SPDX identifier, if known.
        original: What the model was made from; None where it is, as far as known, an original.
        plan_sha256: Digest of the plan that made it, if there is one.
        files: All files but this one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    zoo_compress: str
    target: Target
    name: str
    home: str
    model: str
    source: str
    revision: str | None = None
    licence: str | None = None
    original: OriginalRecord | None = None
    plan_sha256: str | None = None
    files: dict[str, FileRecord]

    def to_json(self) -> str:
        """Return the text of the file."""
        return self.model_dump_json(indent=2) + "\n"

    def within(self, folder: str) -> tuple[str, ...]:
        """Return the files below a folder that its users do not change."""
        parent = PurePosixPath(folder)
        paths = [PurePosixPath(name) for name in self.files]
        return tuple(
            str(path) for path in paths if parent in path.parents and path.name not in EDITABLE
        )


def is_bundle(folder: Path) -> bool:
    """Tell whether a folder says that it is a bundle."""
    return (folder / MANIFEST_FILE).is_file()


def read_manifest(folder: Path) -> Manifest:
    """Read what the bundle in a folder says of itself.

    Raises:
        SourceError: If it is missing, damaged, or names files outside the folder.
    """
    path = folder / MANIFEST_FILE
    try:
        manifest = Manifest.model_validate_json(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"'{path}' cannot be read: {error}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"]) or "the file"
        raise SourceError(f"'{path}' is damaged: {where}: {fault['msg']}") from error
    for name in (manifest.model, manifest.home, *manifest.files):
        _require_inside(path, name)
    if manifest.model not in manifest.files:
        raise SourceError(f"'{path}' does not list its model '{manifest.model}'")
    return manifest


def require_unchanged(folder: Path, manifest: Manifest, names: Iterable[str]) -> None:
    """Check that files of a bundle are those that were packaged.

    Raises:
        SourceError: If one is missing, is a link, or was changed.
    """
    for name in names:
        path = folder / name
        if (link := first_link(folder, name)) is not None:
            raise SourceError(f"'{link}' is a link; a bundle holds files only, package it again")
        if not path.is_file():
            raise SourceError(f"'{path}' is missing from its bundle; package it again")
        _require_same(path, manifest.files[name])


def _require_same(path: Path, expected: FileRecord) -> None:
    size = path.stat().st_size
    digest = file_digest(path) if size == expected.bytes else None
    if digest != expected.sha256:
        found = f"{size} bytes" if digest is None else f"sha256 {digest[:12]}…"
        said = f"{expected.bytes}" if digest is None else f"{expected.sha256[:12]}…"
        raise SourceError(
            f"'{path}' was changed since it was packaged: it has {found}, {MANIFEST_FILE} says "
            f"{said}; package it again"
        )


def _require_inside(path: Path, name: str) -> None:
    parts = PurePosixPath(name).parts
    if ".." in parts or name.startswith("/") or "\\" in name or not (parts or name == "."):
        raise SourceError(f"'{path}' names '{name}', which does not lie in the bundle")
