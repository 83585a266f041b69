"""What kind of model a repository holds, judged by the names of its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

FORMATS = {
    ".onnx": "ONNX",
    ".safetensors": "safetensors",
    ".bin": "PyTorch pickles",
    ".pt": "PyTorch pickles",
    ".pth": "PyTorch pickles",
    ".ckpt": "PyTorch pickles",
    ".pkl": "pickles",
    ".joblib": "pickles",
    ".gguf": "GGUF",
    ".ggml": "GGML",
    ".h5": "Keras",
    ".keras": "Keras",
    ".pb": "TensorFlow",
    ".tflite": "TensorFlow Lite",
    ".msgpack": "Flax",
    ".mlmodel": "Core ML",
    ".mlpackage": "Core ML",
    ".ort": "ONNX Runtime's own format",
    ".engine": "TensorRT",
}


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """The models of a repository.

    Attributes:
        models: Paths of the `.onnx` files, in path order.
        formats: Number of files in each known format, in the order of `FORMATS`.
    """

    models: tuple[str, ...]
    formats: Mapping[str, int]

    @property
    def kind(self) -> Literal["onnx", "safetensors", "other"]:
        """The best that there is to start from."""
        if self.models:
            return "onnx"
        return "safetensors" if "safetensors" in self.formats else "other"

    @property
    def described(self) -> str:
        """What was found, for a message: `2 files of safetensors, 1 of GGUF`."""
        counted = [f"{count} of {name}" for name, count in self.formats.items()]
        return ", ".join(counted) or "no file of a model format that is known here"


def take_stock(files: Iterable[str]) -> Inventory:
    """Return what kinds of models are among file paths."""
    suffixes = {name: PurePosixPath(name).suffix.lower() for name in files}
    formats = {
        name: sum(FORMATS.get(suffix) == name for suffix in suffixes.values())
        for name in dict.fromkeys(FORMATS.values())
    }
    models = sorted(name for name in suffixes if name.endswith(".onnx"))
    return Inventory(
        models=tuple(models), formats={name: count for name, count in formats.items() if count}
    )
