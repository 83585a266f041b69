"""Graphs as protobuf messages, without the parts that cost bytes and that no runtime needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import onnx
import onnx_ir as ir
from onnx import numpy_helper

from zoo_compress.core import AnyArray
from zoo_compress.graph.fragment import initializer_bytes
from zoo_compress.graph.framing import PREFIX, framed, nameless
from zoo_compress.graph.held import PACKED, Payloads

# ONNX Runtime looks at small constants while it fuses nodes, so these stay in the model.
SMALLEST_DETACHED_BYTES = 1 << 16
SIXTEEN_BIT_FLOATS = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)


def to_compact_proto(model: ir.Model) -> onnx.ModelProto:
    """Return the model as a message.

    Types of intermediate values are left to be inferred, and the nodes of decode subgraphs go
    without a name: with hundreds of them, both cost more bytes than a small weight. Initializers
    lose their documentation, and 16-bit floats stored as a list of integers become raw bytes.
    """
    proto: onnx.ModelProto = ir.to_proto(model)
    for graph in _graphs(proto.graph):
        del graph.value_info[:]
    for node in proto.graph.node:
        if any(name.startswith(PREFIX) for name in (*node.input, *node.output)):
            nameless(node)
    for tensor in proto.graph.initializer:
        _compact(tensor)
    return proto


def to_light_proto(model: ir.Model) -> tuple[onnx.ModelProto, Mapping[str, AnyArray]]:
    """Return the model as a message without its large and external weights, and these.

    The model is not changed, and nothing large is copied. ONNX Runtime takes the arrays beside the
    model, see `runtime.session.open_session`; together they may exceed the 2 GB of a protobuf.
    """
    skeleton, payloads = model.clone(), large_tensors(model)
    for name, tensor in payloads.items():
        skeleton.graph.initializers[name].const_value = _placeholder(name, tensor)
    return to_compact_proto(skeleton), Payloads(payloads)


def large_tensors(model: ir.Model) -> dict[str, ir.TensorProtocol]:
    """Return the large and external weights of a model that numpy can hand over, by name."""
    found: dict[str, ir.TensorProtocol] = {}
    for name, value in model.graph.initializers.items():
        tensor = value.const_value
        if tensor is None or tensor.dtype in PACKED:
            continue
        outside = isinstance(tensor, ir.ExternalTensor)
        if outside or tensor.nbytes >= SMALLEST_DETACHED_BYTES:
            found[name] = tensor
    return found


def to_skeleton(model: ir.Model) -> tuple[bytes, Mapping[str, AnyArray]]:
    """Return what `to_light_proto` does, with the message serialised."""
    message, arrays = to_light_proto(model)
    return message.SerializeToString(), arrays


def stored_without(model: ir.Model, initializers: Collection[str]) -> int:
    """Return what `bytes_without` does, without making a message of the named initializers.

    Their types must take whole bytes an element.
    """
    skeleton, left_out = model.clone(), 0
    for name in initializers:
        value = skeleton.graph.initializers[name]
        tensor = value.const_value
        if tensor is not None:
            element_bytes = int(tensor.dtype.itemsize)
            left_out += initializer_bytes(name, tuple(tensor.shape.numpy()), element_bytes)
            value.const_value = _placeholder(name, tensor)
    proto = to_compact_proto(skeleton)
    without = bytes_without(proto, initializers)
    # The length of the graph itself takes more bytes while the weights are in it.
    length = int(proto.graph.ByteSize())
    kept = length - (int(proto.ByteSize()) - without)
    return without + (framed(kept + left_out) - kept - left_out) - (framed(length) - length)


def bytes_without(proto: onnx.ModelProto, initializers: Collection[str]) -> int:
    """Return the size of the serialized message had it none of the named initializers."""
    left_out = sum(
        framed(tensor.ByteSize())
        for tensor in proto.graph.initializer
        if tensor.name in initializers
    )
    return int(proto.ByteSize()) - left_out


def _placeholder(name: str, tensor: ir.TensorProtocol) -> ir.ExternalTensor:
    """Return a tensor without values; no one reads the file that it names."""
    shape = ir.Shape(tensor.shape.numpy())
    # The location keeps the model valid for tools that insist on one.
    return ir.ExternalTensor("supplied", 0, tensor.nbytes, tensor.dtype, shape=shape, name=name)


def _compact(tensor: onnx.TensorProto) -> None:
    tensor.ClearField("doc_string")
    tensor.ClearField("metadata_props")
    if tensor.int32_data and tensor.data_type in SIXTEEN_BIT_FLOATS:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for body in [attribute.g, *attribute.graphs]:
                if body.node:
                    yield from _graphs(body)
