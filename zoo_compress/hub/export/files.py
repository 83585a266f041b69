"""Which files of a repository a model is exported from, and why others do not do."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from zoo_compress.errors import SourceError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
"""Formats that torch unpickles, which can run any code that the file holds."""

OTHER_FORMATS = (".gguf", ".ggml", ".h5", ".msgpack", ".tflite", ".mlmodel", ".pb", ".ot")

_SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")


def files_to_export(names: Iterable[str]) -> tuple[str, ...] | None:
    """Return the files of a listing that a model can be exported from, None if some are missing.

    That is `config.json` at the root, and there `model.safetensors` or an index with its shards.
    """
    found = set(names)
    if CONFIG not in found:
        return None
    if WEIGHTS in found:
        return (CONFIG, WEIGHTS)
    shards = sorted(name for name in found if _SHARD.fullmatch(name))
    return (CONFIG, INDEX, *shards) if INDEX in found and shards else None


def nothing_to_export(source: str, names: Collection[str]) -> SourceError:
    """Return the error for a repository or folder without ONNX that cannot be exported either."""
    return SourceError(f"'{source}' holds no .onnx file{_reason(sorted(names))}")


def _reason(names: list[str]) -> str:
    at_root = [name for name in names if "/" not in name]
    weights = [name for name in at_root if name.endswith(".safetensors")]
    if weights or INDEX in at_root:
        return _unusable(weights, has_config=CONFIG in at_root)
    if pickles := [name for name in names if _suffix(name) in PICKLES]:
        return (
            f" but weights as a pickle ('{pickles[0]}'), which can run code when it is opened and "
            "so is not; convert it to safetensors, or export it to ONNX"
        )
    if others := [name for name in names if _suffix(name) in OTHER_FORMATS]:
        return f" but '{others[0]}', a format that cannot be exported here; name an ONNX model"
    return (
        f" and no {CONFIG} with {WEIGHTS} to export; export the model to ONNX first (for example "
        "with 'optimum-cli export onnx')"
    )


def _unusable(weights: list[str], *, has_config: bool) -> str:
    if not has_config:
        return f" but safetensors without the {CONFIG} that says what they are weights of"
    if not weights:
        return f" but {INDEX} without the files that it lists"
    if "adapter_model.safetensors" in weights:
        return " but an adapter for another model; merge the two first"
    return f" but '{weights[0]}': weights are exported from {WEIGHTS} or {INDEX} only"


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
