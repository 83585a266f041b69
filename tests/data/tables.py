"""Parquet files as the Hub holds them, written by pyarrow."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def parquet(
    columns: Mapping[str, Sequence[Any]], *, row_group_size: int = 100, **features: str
) -> bytes:
    """Return a file; `features` name the columns that hold an Image or Audio."""
    table = pa.table(dict(columns))
    if features:
        described = {
            field.name: {"_type": features[field.name]}
            if field.name in features
            else {"_type": "Value", "dtype": str(field.type)}
            for field in table.schema
        }
        written = json.dumps({"info": {"features": described}})
        table = table.replace_schema_metadata({"huggingface": written})
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=row_group_size)
    return file.getvalue()


def stored(*contents: bytes) -> list[dict[str, Any]]:
    """Return values of an Image or Audio column."""
    return [{"bytes": content, "path": f"{n}.bin"} for n, content in enumerate(contents)]


def picture(shade: int) -> bytes:
    """Return a grey PNG."""
    file = io.BytesIO()
    Image.new("RGB", (12, 10), (shade, shade, shade)).save(file, format="PNG")
    return file.getvalue()


def sound(seconds: float, seed: int) -> bytes:
    """Return noise at 8 kHz as FLAC."""
    import soundfile

    file = io.BytesIO()
    noise = np.random.default_rng(seed).normal(0, 0.1, round(seconds * 8000))
    soundfile.write(file, noise, 8000, format="FLAC")
    return file.getvalue()
