"""What converts numbers at the borders of a small model, which neighbours of its kind spare."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnx.numpy_helper

from zoo_compress.core import AnyArray

FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)


def without_borders(
    model: onnx.ModelProto, values: Mapping[str, AnyArray]
) -> tuple[onnx.ModelProto, dict[str, AnyArray]]:
    """Return a model without the conversions at its borders, and what it then takes in.

    An input that QuantizeLinear alone reads, with one step size for all, or a Cast between
    floating-point types alone, gives way to the output of that node; an output of
    DequantizeLinear, or of such a Cast, to what the node converts. So a layer of 8-bit numbers is
    left that stands between others of the kind, as runtimes compute them one after the other.

    Args:
        model: The model; it is not changed.
        values: Numbers for its inputs.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    # Step sizes are small; weights may be supplied beside the model.
    inside = (t for t in graph.initializer if t.data_location != onnx.TensorProto.EXTERNAL)
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in inside}
    taken = dict(values)
    for entry in list(graph.input):
        readers = [node for node in graph.node if entry.name in node.input]
        if len(readers) == 1:
            _cut_input(graph, entry, readers[0], constants, taken)
    for entry in list(graph.output):
        _cut_output(graph, entry, constants)
    return copy, taken


def _cut_input(
    graph: onnx.GraphProto,
    entry: onnx.ValueInfoProto,
    reader: onnx.NodeProto,
    constants: Mapping[str, AnyArray],
    taken: dict[str, AnyArray],
) -> None:
    converted = _converted(reader, taken[entry.name], constants)
    if converted is None or reader.output[0] in {output.name for output in graph.output}:
        return
    graph.node.remove(reader)
    del taken[entry.name]
    name = entry.name = reader.output[0]
    taken[name] = converted
    entry.type.tensor_type.elem_type = onnx.helper.np_dtype_to_tensor_dtype(converted.dtype)


def _converted(
    node: onnx.NodeProto, array: AnyArray, constants: Mapping[str, AnyArray]
) -> AnyArray | None:
    """Return what a node makes of an array if it does nothing but convert it."""
    if node.op_type == "QuantizeLinear" and len(node.input) == 3:
        scale, zero = (constants.get(name) for name in node.input[1:])
        if scale is None or zero is None or scale.size != 1:
            return None
        bounds = np.iinfo(zero.dtype)
        levels = np.rint(array / scale.reshape(())) + zero.reshape(()).astype(np.float32)
        codes: AnyArray = np.clip(levels, bounds.min, bounds.max).astype(zero.dtype)
        return codes
    if _casts(node) and array.dtype in (np.float32, np.float16):
        target = onnx.helper.tensor_dtype_to_np_dtype(onnx.helper.get_node_attr_value(node, "to"))
        cast: AnyArray = array.astype(target)
        return cast
    return None


def _cut_output(
    graph: onnx.GraphProto, entry: onnx.ValueInfoProto, constants: Mapping[str, AnyArray]
) -> None:
    node = next((node for node in graph.node if entry.name in node.output), None)
    if node is None or not (_casts(node) or _dequantizes(node, constants)):
        return
    inner = node.input[0]
    taken = {value.name for value in graph.input}
    others = [n for n in graph.node if n is not node and {inner, entry.name} & {*n.input}]
    if others or inner in taken or inner in constants:
        return
    graph.node.remove(node)
    graph.output.remove(entry)
    # Its type is inferred.
    graph.output.append(onnx.ValueInfoProto(name=inner))


def _dequantizes(node: onnx.NodeProto, constants: Mapping[str, AnyArray]) -> bool:
    scale = constants.get(node.input[1]) if node.op_type == "DequantizeLinear" else None
    return scale is not None and scale.size == 1


def _casts(node: onnx.NodeProto) -> bool:
    return node.op_type == "Cast" and onnx.helper.get_node_attr_value(node, "to") in FLOATS
