"""What a model takes and what it returns."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from zoo_compress.core import TensorSpec
from zoo_compress.errors import SourceError


@dataclass(frozen=True, kw_only=True)
class Signature:
    """Inputs that a caller must supply, and outputs, in the order of the file."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def signature(model: ir.Model) -> Signature:
    """Return the model's inputs and outputs.

    Inputs that an initializer already fills are left out. An output whose rank the file does not
    state gets the shape `()`: only a run tells it.

    Raises:
        SourceError: If an input or output is no tensor (a sequence, map or optional), or an input
            has no stated rank.
    """
    weights = model.graph.initializers
    return Signature(
        inputs=tuple(_input(value) for value in model.graph.inputs if value.name not in weights),
        outputs=tuple(_spec("output", value) for value in model.graph.outputs),
    )


def _input(value: ir.Value) -> TensorSpec:
    spec = _spec("input", value)
    if value.shape is None:
        raise SourceError(
            f"input '{value.name}' has no stated shape; export the model with one (lengths may "
            "be dynamic)"
        )
    return spec


def _spec(role: str, value: ir.Value) -> TensorSpec:
    if not isinstance(value.type, ir.TensorType):
        raise SourceError(f"{role} '{value.name}' is {_kind(value.type)}, expected a tensor")
    if value.dtype in (None, ir.DataType.UNDEFINED):
        raise SourceError(f"{role} '{value.name}' has no element type")
    assert value.name is not None
    assert value.dtype is not None
    return TensorSpec(name=value.name, shape=_lengths(value.shape), dtype=_dtype(value.dtype))


def _kind(kind: ir.TypeProtocol | None) -> str:
    if isinstance(kind, ir.SequenceType):
        return "a sequence"
    if isinstance(kind, ir.OptionalType):
        return "an optional value"
    if isinstance(kind, ir.SparseTensorType):
        return "a sparse tensor"
    return "of no stated type"


def _lengths(shape: ir.Shape | None) -> tuple[int | str | None, ...]:
    if shape is None:
        return ()
    lengths = (length if isinstance(length, int) else length.value for length in shape)
    # Some exporters write -1 for a length that is free, and ONNX Runtime reads it so.
    return tuple(None if isinstance(n, int) and n < 0 else n for n in lengths)


def _dtype(dtype: ir.DataType) -> str:
    return dtype.numpy().name
