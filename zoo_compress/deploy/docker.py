"""The build context of a container that serves a model.

The server speaks the REST form of the Open Inference Protocol, version 2. It is a small
application on Starlette and uvicorn instead of one of the libraries for it: with numpy 2 and a
current ONNX Runtime, MLServer 1.7.1 and KServe 0.21.0 install 69 packages each (clients of Kafka
and Kubernetes, gRPC, pandas, OpenTelemetry) where these two need 12, six of which ONNX Runtime
brings anyway; LitServe 0.2.19 and BentoML 1.4.40 do not speak the protocol.
"""

from __future__ import annotations

import io
import json
from importlib.resources import files
from typing import Literal

import numpy as np

from zoo_compress.core import Feed, TensorSpec
from zoo_compress.deploy.served_model import ServedModel, datatype
from zoo_compress.errors import SourceError

MODEL_FOLDER = "model"
SETTINGS_FILE = "server.json"
EXAMPLE_FILE = "example.npz"

MOST_BYTES = 1 << 26
"""Largest request: 64 MiB, a hundred times an image of 224 x 224 as JSON."""

RUNTIMES = {"cpu": "onnxruntime", "gpu": "onnxruntime-gpu[cuda,cudnn]"}

_SERVER = "zoo_compress.serving"


def server_files() -> dict[str, bytes]:
    """Return the server and its Dockerfile, by their paths in the context."""
    found = {entry.name: entry for entry in files(_SERVER).iterdir() if entry.is_file()}
    code = {name: entry.read_bytes() for name, entry in found.items() if name.endswith(".py")}
    return {"Dockerfile": found["Dockerfile"].read_bytes()} | {
        f"server/{name}": content for name, content in code.items()
    }


def requirements(versions: dict[str, str], *, device: Literal["cpu", "gpu"]) -> bytes:
    """Return `requirements.txt`: every package with its version.

    Args:
        versions: Those of ONNX Runtime, as `onnxruntime`, and of what it needs.
        device: Where the model runs.
    """
    names = {"onnxruntime": RUNTIMES[device]}
    own = [f"{names.get(name, name)}=={version}" for name, version in versions.items()]
    server = files(_SERVER).joinpath("requirements.txt").read_text("utf-8").split()
    return ("\n".join(sorted([*own, *server], key=str.lower)) + "\n").encode()


def server_settings(
    model: ServedModel,
    *,
    path: str,
    device: Literal["cpu", "gpu"],
    instances: int,
    version: str,
) -> bytes:
    """Return what the server reads.

    Args:
        model: The model.
        path: Its file in the context.
        device: Where it runs.
        instances: How many requests run at once.
        version: Version of zoo-compress.

    Raises:
        SourceError: If the server has no name for an element type.
    """
    for spec in (*model.inputs, *model.outputs):
        _require_numpy(spec)
    settings = {
        "name": model.name,
        "model": path,
        "example": EXAMPLE_FILE,
        "device": device,
        "instances": instances,
        "most_bytes": MOST_BYTES,
        "zoo_compress": version,
    }
    return (json.dumps(settings, indent=2) + "\n").encode()


def example_file(example: Feed) -> bytes:
    """Return a sample as an `.npz` file, text at a fixed width so that it needs no pickle."""
    arrays = {
        name: array.astype(str) if array.dtype.kind == "O" else array
        for name, array in example.items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _require_numpy(spec: TensorSpec) -> None:
    if datatype(spec) == "BF16":
        raise SourceError(
            f"tensor '{spec.name}' has elements of type bfloat16, which numpy lacks; package it "
            "for triton"
        )
