"""Texts out of files: one a line, rows of a table, or a folder of such files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_compress.data.listing import files_below
from zoo_compress.data.location import Location
from zoo_compress.data.text_columns import require_one_or_two, text_columns
from zoo_compress.errors import InputError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = (".txt", ".jsonl", *DELIMITERS)


@dataclass(frozen=True, kw_only=True)
class Text:
    """One text, or a pair of them.

    Attributes:
        name: Where it stands, unique in its data.
        group: What it is part of.
        parts: The text; two for a pair.
    """

    name: str
    group: str
    parts: tuple[str, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """The same for texts that differ in white space at most."""
        return tuple(" ".join(part.split()) for part in self.parts)


def read_texts(location: Location) -> Iterator[Text]:
    """Yield the texts of a file, each a group of its own, or of the `.txt` files of a folder.

    In a folder a file is a group, and a text that an earlier file holds is not taken again. Blank
    lines and rows without a text are left out.

    Raises:
        InputError: If something cannot be read; file and line are named.
    """
    require_one_or_two(location.columns or ("text",), where=str(location.path))
    if location.path.is_dir():
        yield from _folder(location.path)
        return
    for line, parts in _rows(location):
        name = f"{location.path.name}:{line}"
        yield Text(name=name, group=name, parts=parts)


def _folder(folder: Path) -> Iterator[Text]:
    first: dict[tuple[str, ...], str] = {}
    for path in files_below(folder, (".txt",)):
        group = path.relative_to(folder).as_posix()
        for line, parts in _rows(Location(path=path)):
            text = Text(name=f"{group}:{line}", group=group, parts=parts)
            if first.setdefault(text.key, group) == group:
                yield text


def _rows(location: Location) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield line numbers and texts of a file."""
    path, suffix = location.path, location.path.suffix.lower()
    try:
        if suffix == ".jsonl":
            yield from _objects(location)
        elif suffix in DELIMITERS:
            yield from _table(location, DELIMITERS[suffix])
        elif location.columns:
            raise InputError(f"'{path}' has no columns: it holds one text a line")
        else:
            yield from ((line, (text.strip(),)) for line, text in _lines(path) if text.strip())
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from error


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file with their numbers, line ends included."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"'{path}', line {number}: byte 0x{raw[error.start]:02x} is not UTF-8; "
                    "save the file as UTF-8"
                ) from error


def _objects(location: Location) -> Iterator[tuple[int, tuple[str, ...]]]:
    path = location.path
    columns: tuple[str, ...] = ()
    for line, raw in _lines(path):
        if not raw.strip():
            continue
        row = _object(path, line, raw)
        columns = columns or text_columns(list(row), location.columns, where=str(path))
        parts = _parts(row, columns, where=f"'{path}', line {line}")
        if parts:
            yield line, parts


def _object(path: Path, line: int, raw: str) -> Mapping[str, Any]:
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{path}', line {line}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise InputError(
            f"'{path}', line {line}: expected an object with named columns, found {row!r:.60}"
        )
    return row


def _table(location: Location, delimiter: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    path = location.path
    reader = csv.reader((text for _, text in _lines(path)), delimiter=delimiter)
    columns: tuple[str, ...] = ()
    header: list[str] = []
    while (row := _next(reader, path)) is not None:
        if not header:
            header = [name.strip() for name in row]
            columns = text_columns(header, location.columns, where=str(path))
            continue
        named = dict(zip(header, row, strict=False))
        parts = _parts(named, columns, where=f"'{path}', line {reader.line_num}")
        if parts:
            yield reader.line_num, parts


def _next(reader: Any, path: Path) -> list[str] | None:
    try:
        row: list[str] | None = next(reader, None)
    except csv.Error as error:
        raise InputError(f"'{path}', line {reader.line_num}: {error}") from error
    return row


def _parts(row: Mapping[str, Any], columns: Sequence[str], *, where: str) -> tuple[str, ...]:
    """Return the texts of a row; nothing where one of them is missing or blank."""
    values = [row.get(column) for column in columns]
    for column, value in zip(columns, values, strict=True):
        if value is not None and not isinstance(value, str):
            raise InputError(f"{where}: column '{column}' holds {value!r:.60}, not a text")
    texts = tuple(value.strip() for value in values if value and value.strip())
    return texts if len(texts) == len(columns) else ()
