"""The configuration that Triton Inference Server reads beside a model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Literal

from zoo_compress.core import TensorSpec
from zoo_compress.deploy.served_model import ServedModel, datatype, dims

CONFIG_FILE = "config.pbtxt"
MODEL_FILE = "model.onnx"
VERSION = "1"

MOST_TOGETHER = 8
"""Largest batch that Triton may put together. What is best depends on the machine: measure it
with Triton's own perf_analyzer and change the number in the file."""

KINDS = {"cpu": "KIND_CPU", "gpu": "KIND_GPU"}


def model_config(
    model: ServedModel, *, device: Literal["cpu", "gpu"] = "cpu", instances: int = 1
) -> str:
    """Return the `config.pbtxt` of an ONNX model.

    With a batch axis, dims leave it out and Triton may put requests together; without, dims are
    whole and each request runs by itself.

    Args:
        model: The model.
        device: Where it runs.
        instances: Copies of it, each for one request at a time.

    Raises:
        SourceError: If Triton has no name for an element type.
    """
    lines = [
        f"name: {quoted(model.name)}",
        'backend: "onnxruntime"',
        f"default_model_filename: {quoted(MODEL_FILE)}",
        f"max_batch_size: {MOST_TOGETHER if model.batched else 0}",
        *tensors("input", model.inputs, batched=model.batched),
        *tensors("output", model.outputs, batched=model.batched),
        "instance_group [",
        f"  {{ kind: {KINDS[device]} count: {instances} }}",
        "]",
    ]
    if model.batched:
        lines.append("dynamic_batching { }")
    return "\n".join(lines) + "\n"


def tensors(role: str, specs: Iterable[TensorSpec], *, batched: bool) -> list[str]:
    """Return the lines that describe inputs or outputs.

    Triton takes no tensor without an axis: one that has none, or none but the batch's, is
    described with one of length 1, which a reshape takes away again.
    """
    return [f"{role} [", ",\n".join(f"  {_tensor(spec, batched)}" for spec in specs), "]"]


def quoted(text: str) -> str:
    """Return a string as protobuf's text format writes it."""
    return json.dumps(text, ensure_ascii=False)


def _tensor(spec: TensorSpec, batched: bool) -> str:
    kind = datatype(spec)
    lengths = dims(spec)[1:] if batched else dims(spec)
    shape = f"dims: {_list(lengths)}" if lengths else "dims: [ 1 ] reshape { shape: [ ] }"
    triton = f"TYPE_{'STRING' if kind == 'BYTES' else kind}"
    return f"{{ name: {quoted(spec.name)} data_type: {triton} {shape} }}"


def _list(lengths: Sequence[int]) -> str:
    return f"[ {', '.join(map(str, lengths))} ]"
