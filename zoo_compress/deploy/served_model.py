"""A model as a server offers it: tensors by name, with the types that servers call them by."""

from __future__ import annotations

from dataclasses import dataclass

from zoo_compress.core import TensorSpec
from zoo_compress.errors import SourceError

DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "bfloat16": "BF16",
    "object": "BYTES",
}
"""Numpy name of an element type -> its name in the Open Inference Protocol, version 2."""


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """What a server has to know of a model.

    Attributes:
        name: Name under which it is offered.
        inputs: What a request must hold.
        outputs: What is returned, each with its true number of axes.
        batched: Whether the first axis of all of these counts samples that do not affect each
            other, so that a server may put requests together.
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    batched: bool


def datatype(spec: TensorSpec) -> str:
    """Return what servers call the element type of a tensor.

    Raises:
        SourceError: If they have no name for it.
    """
    found = DATATYPES.get(spec.dtype)
    if found is None:
        raise SourceError(
            f"tensor '{spec.name}' has elements of type {spec.dtype}, which inference servers do "
            "not take; cast it inside the model"
        )
    return found


def dims(spec: TensorSpec) -> list[int]:
    """Return the lengths of a tensor, -1 for what a request decides."""
    return [length if isinstance(length, int) else -1 for length in spec.shape]
