"""Triton's own protobuf message of a model's configuration."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import tritonclient
from google.protobuf import text_format


def parsed(text: str) -> Any:
    """Read a `config.pbtxt` as Triton does: an unknown field is an error."""
    return text_format.Parse(text, _messages().ModelConfig())


def _messages() -> Any:
    # The package around the module imports gRPC, which is not needed to read a file.
    path = Path(tritonclient.__path__[0]) / "grpc" / "model_config_pb2.py"
    if (found := _LOADED.get(path)) is None:
        spec = importlib.util.spec_from_file_location("model_config_pb2", path)
        assert spec is not None
        assert spec.loader is not None
        found = _LOADED[path] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
    return found


_LOADED: dict[Path, Any] = {}
"""A message may be registered once in a process."""
