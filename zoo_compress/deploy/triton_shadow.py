"""A Triton ensemble that gives each request to a model and to its original, and returns both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from zoo_compress.core import TensorSpec
from zoo_compress.deploy.served_model import ServedModel
from zoo_compress.deploy.triton import MOST_TOGETHER, quoted, tensors
from zoo_compress.errors import SourceError

ORIGINAL_SUFFIX = "_original"
SHADOW_SUFFIX = "_shadow"

PREFIXES = ("compressed_", "original_")
"""What the names of the ensemble's outputs start with, by whose answer they are."""


def shadow_config(name: str, compressed: ServedModel, original: ServedModel) -> str:
    """Return the `config.pbtxt` of the ensemble.

    Args:
        name: Its name.
        compressed: The model.
        original: What it was made from, with a batch axis exactly if the model has one.

    Raises:
        SourceError: If the two take the same input in different forms.
    """
    models = (compressed, original)
    outputs = [
        replace(output, name=prefix + output.name)
        for model, prefix in zip(models, PREFIXES, strict=True)
        for output in model.outputs
    ]
    lines = [
        f"name: {quoted(name)}",
        'platform: "ensemble"',
        f"max_batch_size: {MOST_TOGETHER if compressed.batched else 0}",
        *tensors("input", _inputs(compressed, original), batched=compressed.batched),
        *tensors("output", outputs, batched=compressed.batched),
        "ensemble_scheduling {",
        "  step [",
        ",\n".join(map(_step, models, PREFIXES)),
        "  ]",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _inputs(compressed: ServedModel, original: ServedModel) -> Iterable[TensorSpec]:
    """Return what the two take together; simplifying a graph may have dropped an unused input."""
    found = {spec.name: spec for spec in original.inputs}
    for spec in compressed.inputs:
        other = found.setdefault(spec.name, spec)
        if (other.dtype, len(other.shape)) != (spec.dtype, len(spec.shape)):
            raise SourceError(
                f"input '{spec.name}' is {spec.dtype} with {len(spec.shape)} axes, the original's "
                f"{other.dtype} with {len(other.shape)}; package it without --with-original"
            )
    return found.values()


def _step(model: ServedModel, prefix: str) -> str:
    inputs = [_pair("input_map", spec.name, spec.name) for spec in model.inputs]
    outputs = [_pair("output_map", spec.name, prefix + spec.name) for spec in model.outputs]
    return "\n".join(
        [
            "    {",
            f"      model_name: {quoted(model.name)}",
            "      model_version: -1",
            *inputs,
            *outputs,
            "    }",
        ]
    )


def _pair(kind: str, key: str, value: str) -> str:
    return f"      {kind} {{ key: {quoted(key)} value: {quoted(value)} }}"
