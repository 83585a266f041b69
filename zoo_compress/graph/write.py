"""Write a model to disk, whole or not at all, always to the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx_ir as ir

from zoo_compress.files import atomic_write, replacing, sync
from zoo_compress.graph.load import PROTOBUF_LIMIT
from zoo_compress.graph.proto import to_compact_proto

# Below this a tensor costs more to refer to than it saves in the model file.
SMALLEST_EXTERNAL_BYTES = 1024
# Of the limit, what tensors may take for the whole message to stay below it, whatever names and
# text it holds besides: no model comes near a gigabyte of these.
SURELY_FITS = 0.5


def write_model(model: ir.Model, path: Path, *, limit: int = PROTOBUF_LIMIT) -> tuple[Path, ...]:
    """Write a model beside its place and rename it into it.

    One file, unless that would exceed `limit`: then `path` and, beside it, a file of the same
    name with `.data` added that holds the weights. The model itself is not changed.

    Args:
        model: The model. External tensors are read from their files.
        path: The `.onnx` file to write.
        limit: Bytes above which the weights move to a file of their own.

    Returns:
        The files written, the model first.

    Raises:
        DiskFullError: If the disk or the user's quota is full; nothing is left behind.
        OutputError: If a file cannot be written for another reason.
    """
    data_path = path.with_name(f"{path.name}.data")
    content, tensors = _contents(model, data_path.name, limit)
    if tensors is None:
        atomic_write(path, content)
        return (path,)
    _write_pair(path, content, data_path, tensors)
    return (path, data_path)


def serialized_bytes(model: ir.Model, *, limit: int = PROTOBUF_LIMIT) -> int:
    """Return the bytes that `write_model` would put on disk, over all its files."""
    content, tensors = _contents(model, "model.onnx.data", limit)
    return len(content) + sum(tensor.nbytes for tensor in tensors or ())


def _write_pair(
    path: Path, content: bytes, data_path: Path, tensors: list[ir.TensorProtocol]
) -> None:
    needed = len(content) + sum(tensor.nbytes for tensor in tensors)
    stays = data_path.exists()
    try:
        with (
            replacing(path, needed=needed) as model_file,
            replacing(data_path, needed=needed) as data_file,
        ):
            for tensor in tensors:
                data_file.write(tensor.tobytes())
            # The data is renamed first, so a full disk must show itself before that.
            model_file.write(content)
            sync(model_file)
        stays = True
    finally:
        if not stays:
            data_path.unlink(missing_ok=True)


def _contents(
    model: ir.Model, location: str, limit: int
) -> tuple[bytes, list[ir.TensorProtocol] | None]:
    """Return what goes into the model's file, and what goes into `location` beside it.

    The second is None where one file holds it all. No message over the limit is built on the way.
    """
    tensors = list(_tensors(model))
    inside = not any(isinstance(tensor, ir.ExternalTensor) for tensor in tensors)
    whole = model if inside else _without_external(model)
    if _number_bytes(tensors) <= SURELY_FITS * limit or _fits(whole, limit):
        content = _serialize(whole)
        if len(content) <= limit:
            return content, None
    rest, moved = _moved_out(whole, location)
    return _serialize(rest), moved


def _serialize(model: ir.Model) -> bytes:
    content: bytes = to_compact_proto(model).SerializeToString(deterministic=True)
    return content


def _fits(model: ir.Model, limit: int) -> bool:
    """Tell whether the model fits in one file, without building a message over the limit."""
    weights = sum(tensor.nbytes for _, tensor in _large_weights(model))
    if weights > limit:
        return False
    skeleton, _ = _moved_out(model, "weights")
    # A reference takes more bytes than the framing of a stored tensor, so this errs to the safe
    # side, by some fifty bytes a weight.
    return len(_serialize(skeleton)) + weights <= limit


def _number_bytes(tensors: Iterable[ir.TensorProtocol]) -> int:
    return sum(tensor.nbytes for tensor in tensors if tensor.dtype != ir.DataType.STRING)


def _tensors(model: ir.Model) -> Iterator[ir.TensorProtocol]:
    """Yield the tensors of a model, also those in nodes and functions."""
    for graph in _all_graphs(model):
        for value in graph.initializers.values():
            if value.const_value is not None:
                yield value.const_value
        for node in graph:
            for attribute in node.attributes.values():
                if attribute.type == ir.AttributeType.TENSOR and not attribute.is_ref():
                    yield attribute.as_tensor()


def _large_weights(model: ir.Model) -> Iterator[tuple[ir.Value, ir.TensorProtocol]]:
    for graph in model.graphs():
        for value in graph.initializers.values():
            tensor = value.const_value
            if tensor is None or tensor.dtype == ir.DataType.STRING:
                continue
            if tensor.nbytes >= SMALLEST_EXTERNAL_BYTES:
                yield value, tensor


def _moved_out(model: ir.Model, location: str) -> tuple[ir.Model, list[ir.TensorProtocol]]:
    """Return a copy with references for the large weights, and their tensors in file order."""
    copy, moved = model.clone(), list[ir.TensorProtocol]()
    offset = 0
    for value, tensor in _large_weights(copy):
        value.const_value = ir.ExternalTensor(
            location,
            offset,
            tensor.nbytes,
            tensor.dtype,
            shape=ir.Shape(tensor.shape.numpy()),
            name=tensor.name or "",
        )
        moved.append(tensor)
        offset += tensor.nbytes
    return copy, moved


def _without_external(model: ir.Model) -> ir.Model:
    """Return a copy of the graph whose tensors are all stored in the file itself."""
    copy = model.clone()
    for graph in _all_graphs(copy):
        for value in graph.initializers.values():
            if isinstance(value.const_value, ir.ExternalTensor):
                value.const_value = _inline(value.const_value)
        for node in graph:
            _inline_attributes(node)
    return copy


def _all_graphs(model: ir.Model) -> Iterator[ir.Graph]:
    yield from model.graphs()
    for function in model.functions.values():
        yield function.graph
        yield from function.subgraphs()


def _inline_attributes(node: ir.Node) -> None:
    for name, attribute in list(node.attributes.items()):
        if attribute.is_ref():
            continue
        if isinstance(attribute.value, ir.ExternalTensor):
            node.attributes[name] = ir.AttrTensor(name, _inline(attribute.value))


def _inline(tensor: ir.ExternalTensor) -> ir.TensorProtocol:
    return ir.Tensor(
        tensor.numpy(),
        dtype=tensor.dtype,
        shape=tensor.shape,
        name=tensor.name,
        doc_string=tensor.doc_string,
        metadata_props=tensor.metadata_props,
    )
