"""Samples from the rows of a dataset, by what its columns hold and the model takes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from zoo_compress.core import Artifact, Inputs, TensorSpec
from zoo_compress.data.dataset_name import DatasetName
from zoo_compress.data.dataset_rows import Row, Rows, content, dataset_errors, open_rows
from zoo_compress.data.folder_kind import Kind, model_kind
from zoo_compress.data.images import decoded, find_config, fit_to_input, image_input
from zoo_compress.data.recordings import recorded
from zoo_compress.data.text_columns import require_one_or_two, text_columns
from zoo_compress.data.text_feeds import require_text_inputs
from zoo_compress.data.text_files import Text
from zoo_compress.data.texts import encoded
from zoo_compress.data.waveforms import Recording
from zoo_compress.errors import InputError

STORED: dict[Kind, str] = {"images": "image", "texts": "string", "recordings": "audio"}
"""What a column holds that a model of each kind takes."""

DIGEST_LENGTH = 16


def load_dataset_rows(
    source: DatasetName | Path,
    *,
    columns: tuple[str, ...] = (),
    artifact: Artifact,
    specs: Sequence[TensorSpec],
    count: int,
    seed: int,
) -> Inputs:
    """Load rows of a dataset of the Hub or of a local Parquet file.

    A sample is named by a digest of what it holds, and rows of the same content share a group.

    Args:
        source: The dataset or file.
        columns: What to read of it; empty to find it by name and type.
        artifact: The model.
        specs: Its inputs.
        count: Most rows to read.
        seed: Seed of the draw.

    Raises:
        InputError: If the dataset cannot be read or holds nothing of what the model takes, or the
            model's own files do not say how to prepare it.
    """
    kind = model_kind(specs)
    _require_model(kind, artifact, specs)
    rows = open_rows(source)
    chosen = choose_columns(rows, kind, columns)
    drawn = rows.drawn(chosen, count=count, seed=seed)
    where = f"{_short(source)}, split {rows.split}, streamed in the order of seed {seed}"
    if kind == "texts":
        found = _texts(drawn, chosen)
        _require_some(found, rows, kind)
        what = f"{len(found)} texts of dataset {where}"
        return encoded(found, artifact=artifact, specs=specs, description=what)
    stored = _stored(drawn, chosen[0], rows.where)
    _require_some(stored, rows, kind)
    if kind == "recordings":
        sounds = [Recording(name=name, source=held) for name, held in dict(stored).items()]
        where = f"of dataset {where}"
        return recorded(
            sounds, artifact=artifact, specs=specs, count=count, seed=seed, where=where
        )
    return _images(stored, artifact, specs, f"{len(stored)} images of dataset {where}")


def choose_columns(rows: Rows, kind: Kind, asked: Sequence[str]) -> tuple[str, ...]:
    """Return the columns to read: those asked for, else what fits by name and type.

    Raises:
        InputError: If there are none; those that there are are listed with their types.
    """
    fitting = rows.of_kind(STORED[kind])
    if not fitting:
        raise InputError(
            f"'{rows.where}' has no column of {kind}, which the model takes; its columns are "
            f"{rows.described()}"
        )
    if kind == "texts":
        require_one_or_two(asked or ("text",), where=rows.where)
        lone = tuple(fitting) if len(fitting) == 1 and not asked else tuple(asked)
        return text_columns(fitting, lone, where=rows.where)
    wanted = tuple(asked) or tuple(fitting[:1])
    if len(wanted) > 1 or wanted[0] not in fitting:
        raise InputError(
            f"'{rows.where}' has no column '{','.join(asked)}' of {kind}; its columns are "
            f"{rows.described()}"
        )
    return wanted


def _require_model(kind: Kind, artifact: Artifact, specs: Sequence[TensorSpec]) -> None:
    """Check what can be checked before anything is fetched."""
    if kind == "texts":
        require_text_inputs(specs)
    elif kind == "images":
        image_input(specs)
        find_config(artifact)


def _require_some(found: Sequence[object], rows: Rows, kind: Kind) -> None:
    if not found:
        raise InputError(f"'{rows.where}', split {rows.split}: there are no {kind} in its rows")


def _short(source: DatasetName | Path) -> str:
    if isinstance(source, Path):
        return source.name
    return str(replace(source, split=None, columns=()))


def _texts(rows: Iterable[Row], columns: Sequence[str]) -> list[Text]:
    """Return the texts of rows; rows without one are left out."""
    found = []
    for row in rows:
        parts = tuple(str(row[name]).strip() for name in columns if row[name] is not None)
        if len(parts) == len(columns) and all(parts):
            found.append(parts)
    names = _names(["\n".join(parts).encode() for parts in found])
    return [
        Text(name=name, group=name, parts=parts) for name, parts in zip(names, found, strict=True)
    ]


def _stored(rows: Iterable[Row], column: str, where: str) -> list[tuple[str, bytes]]:
    """Return names and bytes of what a column of rows holds."""
    with dataset_errors(where):
        found = [held for row in rows if (held := content(row[column])) is not None]
    return list(zip(_names(found), found, strict=True))


def _images(
    stored: Sequence[tuple[str, bytes]],
    artifact: Artifact,
    specs: Sequence[TensorSpec],
    description: str,
) -> Inputs:
    spec = image_input(specs)
    arrays = decoded(list(stored), find_config(artifact))
    names = [name for name, _ in stored]
    return Inputs(
        feeds=[{spec.name: fit_to_input(array, spec)} for array in arrays],
        groups=[name.partition("/")[0] for name in names],
        names=names,
        description=description,
    )


def _names(contents: Sequence[bytes]) -> list[str]:
    """Return a digest of each content; those of the same are numbered."""
    digests = [hashlib.sha256(held).hexdigest()[:DIGEST_LENGTH] for held in contents]
    seen = Counter[str]()
    names = []
    for digest in digests:
        names.append(f"{digest}/{seen[digest]}" if seen[digest] else digest)
        seen[digest] += 1
    return names
