"""Take weights out of a model, leaving placeholders that a session fills in."""

from __future__ import annotations

from collections.abc import Sequence
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
    import onnx.numpy_helper

    wanted = set(names)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    missing = sorted(wanted - stored.keys())
    if missing:
        raise ValueError(f"'{missing[0]}' is not an initializer of the main graph")
    arrays = {name: onnx.numpy_helper.to_array(stored[name]) for name in sorted(wanted)}
    return _skeleton(model, wanted).SerializeToString(), arrays


def _skeleton(model: onnx.ModelProto, names: set[str]) -> onnx.ModelProto:
    import onnx

    copy = onnx.ModelProto()
    _copy_fields(model, copy, skip="graph")
    _copy_fields(model.graph, copy.graph, skip="initializer")
    for tensor in model.graph.initializer:
        if tensor.name in names:
            copy.graph.initializer.append(_placeholder(tensor))
        else:
            copy.graph.initializer.append(tensor)
    return copy


def _placeholder(tensor: onnx.TensorProto) -> onnx.TensorProto:
    import onnx

    placeholder = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    placeholder.data_location = onnx.TensorProto.EXTERNAL
    # Never read; it keeps the model valid for tools that insist on a location.
    placeholder.external_data.add(key="location", value="supplied")
    return placeholder


def _copy_fields(source: Any, target: Any, *, skip: str) -> None:
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
