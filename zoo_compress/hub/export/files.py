"""Which files of a repository a model is exported from, and why others do not do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
"""Formats that torch unpickles, which can run any code that the file holds."""

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


def why_not_exported(names: Iterable[str]) -> str:
    """Return what to do about a repository or folder without ONNX, for a message."""
    files = sorted(names)
    at_root = [name for name in files if "/" not in name]
    weights = [name for name in at_root if name.endswith(".safetensors")]
    if files_to_export(files):
        return "its safetensors are exported where a model to compress is named"
    if weights or INDEX in at_root:
        return _unusable(weights, has_config=CONFIG in at_root)
    if pickles := [name for name in files if _suffix(name) in PICKLES]:
        return (
            f"a pickle ('{pickles[0]}') can run code when it is opened, and so is not; convert it "
            "to safetensors, or export it to ONNX"
        )
    return "export the model to ONNX first (for example with 'optimum-cli export onnx')"


def _unusable(weights: list[str], *, has_config: bool) -> str:
    if not has_config:
        return f"its safetensors come without the {CONFIG} that an export needs"
    if not weights:
        return f"{INDEX} lists files that are not there"
    if "adapter_model.safetensors" in weights:
        return "an adapter is no model by itself; merge it with the one that it is for"
    return f"'{weights[0]}' is not exported, only what is called {WEIGHTS} or listed in {INDEX}"


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
