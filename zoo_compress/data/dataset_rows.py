"""Rows of a dataset, streamed: only as many come as are asked for, and none of its code is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_compress.data.dataset_name import DatasetName
from zoo_compress.errors import InputError, ZooCompressError

INSTALL = "pip install 'zoo-compress[datasets]'"

SPLITS = ("validation", "test", "train")
"""Of these the first that there is: rows that the model was not trained on tell more about it."""

LONGEST_REASON = 240

MOST_RESHARDED = 16
"""Files whose parts are told apart for the draw: the table of contents of each is read for it."""

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A split of a dataset, not read yet.

    Attributes:
        where: The dataset, for messages.
        split: Name of the split.
        stream: The `datasets.IterableDataset`.
        kinds: What each column holds: `image`, `audio`, `string`, or the name of another type.
    """

    where: str
    split: str
    stream: Any
    kinds: Mapping[str, str]

    def of_kind(self, kind: str) -> list[str]:
        """Return the names of the columns of a kind."""
        return [name for name, found in self.kinds.items() if found == kind]

    def described(self) -> str:
        """Return the columns with what they hold, for messages."""
        return ", ".join(f"{name} ({kind})" for name, kind in self.kinds.items()) or "none"

    def drawn(self, columns: Sequence[str], *, count: int, seed: int) -> Iterator[Row]:
        """Yield at most `count` rows, drawn with a seed from about twice as many.

        They come from several parts of the split at a time, since rows are often sorted. Images
        and recordings come as they are stored, see `content`.

        Raises:
            InputError: If the rows cannot be read.
        """
        with dataset_errors(self.where):
            stream = self.stream
            if {"image", "audio"} & set(self.kinds.values()):
                stream = stream.decode(False)
            stream = stream.select_columns(list(columns))
            if stream.num_shards <= MOST_RESHARDED:
                stream = stream.reshard()
            yield from stream.shuffle(seed=seed, buffer_size=count).take(count)


def open_rows(source: DatasetName | Path) -> Rows:
    """Open a dataset of the Hub, or a local Parquet file.

    Raises:
        InputError: If the datasets library is not installed, or there is no such dataset,
            configuration or split.
    """
    try:
        import datasets
    except ImportError as error:
        raise InputError(f"'{source}' needs the datasets library; run: {INSTALL}") from error
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    with dataset_errors(str(source)):
        splits = _splits(datasets.load_dataset, source)
        asked = source.split if isinstance(source, DatasetName) else None
        split = _choose(list(splits), asked, str(source))
        stream = splits[split]
        return Rows(where=str(source), split=split, stream=stream, kinds=_kinds(stream))


def _splits(load: Any, source: DatasetName | Path) -> Mapping[str, Any]:
    if isinstance(source, Path):
        found = load("parquet", data_files={"rows": str(source)}, streaming=True)
    else:
        # The full address: a local folder of the same name would be taken otherwise.
        address = f"hf://datasets/{source.repo}"
        found = load(address, name=source.config, revision=source.revision, streaming=True)
    splits: Mapping[str, Any] = found
    return splits


@contextmanager
def dataset_errors(where: str) -> Iterator[None]:
    """Turn whatever the datasets library raises inside the block into one line.

    Raises:
        InputError: On every failure; errors of our own stay what they are.
    """
    try:
        yield
    except ZooCompressError:
        raise
    # It reads any format from any host, and lets the errors of all their libraries through.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"'{where}' cannot be read: {reason:.{LONGEST_REASON}}") from error


def content(value: Any) -> bytes | None:
    """Return the bytes of an image or a recording of a row, None if the row has none.

    They are in the row, or in a file that it names.
    """
    if not isinstance(value, Mapping):
        return None
    if value.get("bytes"):
        return bytes(value["bytes"])
    if not value.get("path"):
        return None
    import fsspec

    with fsspec.open(str(value["path"]), "rb") as file:
        stored: bytes = file.read()
    return stored


def _choose(splits: Sequence[str], asked: str | None, where: str) -> str:
    if asked is not None and asked not in splits:
        raise InputError(f"'{where}' has no split '{asked}'; its splits are {', '.join(splits)}")
    if not splits:
        raise InputError(f"'{where}' has no split")
    usual = [name for name in SPLITS if name in splits]
    return asked or next(iter(usual), splits[0])


def _kinds(stream: Any) -> dict[str, str]:
    """Return what the columns hold, by the declared types or else by the first row."""
    if stream.features is None:
        first: Row = next(iter(stream), {})
        return {name: _of_value(value) for name, value in first.items()}
    return {name: _of_feature(feature) for name, feature in stream.features.items()}


def _of_value(value: Any) -> str:
    return "string" if isinstance(value, str) else type(value).__name__


def _of_feature(feature: Any) -> str:
    name = type(feature).__name__.lower()
    if name != "value":
        return name
    dtype = str(feature.dtype)
    return "string" if dtype in ("string", "large_string") else dtype
