"""Take weights out of a model, leaving placeholders or inputs that a session fills in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo_compress.core import AnyArray

if TYPE_CHECKING:
    import onnx


def detach_initializers(
    model: onnx.ModelProto, names: Sequence[str]
) -> tuple[bytes, dict[str, AnyArray]]:
    """Return the model without the payload of `names`, serialised, and the arrays taken out.

    The model itself is not changed and the payloads are not copied into the skeleton, so the
    detached weights may exceed the 2 GB of a protobuf.

    Raises:
        ValueError: If a name is not an initializer of the main graph.
    """
    arrays = _payloads(model, names)
    copy = _without_initializers(model)
    copy.graph.initializer.extend(
        _placeholder(tensor) if tensor.name in arrays else tensor
        for tensor in model.graph.initializer
    )
    return copy.SerializeToString(), arrays


def weights_as_inputs(
    model: onnx.ModelProto,
    names: Sequence[str],
    *,
    supplied: Mapping[str, AnyArray] | None = None,
) -> tuple[bytes, dict[str, AnyArray]]:
    """Return the model with `names` as inputs of its graph, serialised, and the arrays taken out.

    A session of it takes other weights without being built anew. Those that are inputs already,
    with the initializer as their default value, just lose it.

    Args:
        model: The model.
        names: Initializers of its main graph.
        supplied: Arrays of initializers that it declares without their payload.

    Raises:
        ValueError: If a name is not an initializer of the main graph.
    """
    import onnx

    given = supplied or {}
    arrays = _payloads(model, [name for name in names if name not in given])
    arrays |= {name: given[name] for name in names if name in given}
    copy = _without_initializers(model)
    copy.graph.initializer.extend(t for t in model.graph.initializer if t.name not in arrays)
    already = {value.name for value in copy.graph.input}
    copy.graph.input.extend(
        onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        for tensor in model.graph.initializer
        if tensor.name in arrays and tensor.name not in already
    )
    return copy.SerializeToString(), arrays


def _payloads(model: onnx.ModelProto, names: Sequence[str]) -> dict[str, AnyArray]:
    import onnx.numpy_helper

    wanted = set(names)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    missing = sorted(wanted - stored.keys())
    if missing:
        raise ValueError(f"'{missing[0]}' is not an initializer of the main graph")
    return {name: onnx.numpy_helper.to_array(stored[name]) for name in sorted(wanted)}


def _without_initializers(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy without initializers; no payload of one is copied on the way."""
    import onnx

    copy = onnx.ModelProto()
    copy_fields(model, copy, skip="graph")
    copy_fields(model.graph, copy.graph, skip="initializer")
    return copy


def _placeholder(tensor: onnx.TensorProto) -> onnx.TensorProto:
    import onnx

    placeholder = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    placeholder.data_location = onnx.TensorProto.EXTERNAL
    # Never read; it keeps the model valid for tools that insist on a location.
    placeholder.external_data.add(key="location", value="supplied")
    return placeholder


def copy_fields(source: Any, target: Any, *, skip: str) -> None:
    """Copy the fields of a message into another one of its type, all but one."""
    for field, value in source.ListFields():
        if field.name == skip:
            continue
        own = getattr(target, field.name)
        if hasattr(own, "extend"):
            own.extend(value)
        elif hasattr(own, "CopyFrom"):
            own.CopyFrom(value)
        else:
            setattr(target, field.name, value)
