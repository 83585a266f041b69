"""Read safetensors that nobody vouches for: whole, inside their folder, nothing but numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from zoo_compress.errors import SourceError
from zoo_compress.hub.export.files import INDEX, WEIGHTS

NUMBERS = frozenset({"F64", "F32", "F16", "BF16", "I64", "I32", "BOOL"})
"""Element types of weights and of the buffers beside them; quantised weights have others."""

LONGEST_CONFIG = 16 * 2**20
"""Bytes of JSON; the largest label lists take a few hundred thousand."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The safetensors of a folder, checked to be whole.

    Attributes:
        files: Each file and the names of the tensors to take from it.
        elements: Numbers in all of them together.
    """

    files: Mapping[Path, tuple[str, ...]]
    elements: int


def find_weights(root: Path) -> Weights:
    """Return the weights that a folder holds, after a look at every file's header.

    Raises:
        SourceError: If a file is missing, damaged or outside the folder, or holds numbers of a
            type that no unquantised model has.
    """
    if (root / WEIGHTS).exists():
        path = inside(root, WEIGHTS)
        named = {path: tuple(_header(path))}
    else:
        named = _indexed(root)
    shapes = [shape for path, names in named.items() for shape in _shapes(path, names)]
    return Weights(files=named, elements=sum(shapes))


def read_weights(weights: Weights) -> dict[str, Any]:
    """Return the tensors by name."""
    from safetensors import safe_open

    tensors = {}
    for path, names in weights.files.items():
        with safe_open(path, framework="pt") as file:
            tensors.update({name: file.get_tensor(name) for name in names})
    return tensors


def digest_of(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of the names and contents of files, in hexadecimal."""
    whole = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256")
        whole.update(f"{path.name}\0{content.hexdigest()}\n".encode())
    return whole.hexdigest()


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        SourceError: If it is none.
    """
    try:
        if path.stat().st_size > LONGEST_CONFIG:
            raise SourceError(f"{path}: is larger than {LONGEST_CONFIG >> 20} MiB")
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(found, dict):
        raise SourceError(f"{path}: expected an object with keys, found {found!r:.60}")
    return found


def inside(root: Path, name: str) -> Path:
    """Return the path of a file of a folder, with links followed as far as they stay in it.

    The client's own cache is laid out in links from `snapshots/COMMIT/` to `blobs/`, and allowed.

    Raises:
        SourceError: If there is no such file, or a link leads elsewhere.
    """
    path = root / name
    if not path.is_file():
        raise SourceError(f"'{root}' holds no file '{name}'")
    home = root.resolve()
    homes = [home]
    if home.parent.name == "snapshots":
        homes.append(home.parent.parent / "blobs")
    if not any(path.resolve().is_relative_to(each) for each in homes):
        raise SourceError(f"{path}: is a link that leads out of its folder; copy the file there")
    return path


def _indexed(root: Path) -> dict[Path, tuple[str, ...]]:
    index = inside(root, INDEX)
    entries = read_object(index).get("weight_map")
    if not isinstance(entries, dict) or not entries:
        raise SourceError(f"{index}: has no 'weight_map' that says which file a tensor is in")
    shards: dict[str, list[str]] = {}
    for tensor, file in entries.items():
        if not isinstance(file, str) or not _is_plain(file):
            raise SourceError(f"{index}: tensor '{tensor}' is in {file!r:.80}, no file beside it")
        shards.setdefault(file, []).append(tensor)
    found = {}
    for file, names in shards.items():
        path = inside(root, file)
        if absent := sorted(set(names) - set(_header(path))):
            raise SourceError(f"{path}: lacks tensor '{absent[0]}', which {INDEX} says is in it")
        found[path] = tuple(names)
    return found


def _is_plain(file: str) -> bool:
    readings = (PurePosixPath(file), PureWindowsPath(file))
    alone = all(reading.name == file and file != ".." for reading in readings)
    return alone and file.endswith(".safetensors") and "\0" not in file


def _header(path: Path) -> list[str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return list(file.keys())
    except (SafetensorError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise SourceError(f"{path}: is damaged or no safetensors file: {reason}") from error


def _shapes(path: Path, names: Sequence[str]) -> list[int]:
    """Return how many numbers each tensor holds.

    Raises:
        SourceError: If one of them holds numbers of another type than `NUMBERS`.
    """
    import math

    from safetensors import safe_open

    counts = []
    with safe_open(path, framework="numpy") as file:
        for name in names:
            part = file.get_slice(name)
            if part.get_dtype() not in NUMBERS:
                raise SourceError(
                    f"{path}: tensor '{name}' is of type {part.get_dtype()}, as quantised models "
                    "have; name the original model"
                )
            counts.append(math.prod(part.get_shape()))
    return counts
