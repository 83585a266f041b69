"""Graphs as protobuf messages, without the parts that cost bytes and that no runtime needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import onnx
import onnx_ir as ir
from onnx import numpy_helper

from zoo_compress.graph.fragment import PREFIX, framed

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
        if any(name.startswith(PREFIX) for name in node.input):
            node.ClearField("name")
    for tensor in proto.graph.initializer:
        _compact(tensor)
    return proto


def bytes_without(proto: onnx.ModelProto, initializers: Collection[str]) -> int:
    """Return the size of the serialized message had it none of the named initializers."""
    left_out = sum(
        framed(tensor.ByteSize())
        for tensor in proto.graph.initializer
        if tensor.name in initializers
    )
    return int(proto.ByteSize()) - left_out


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
