"""Graphs as protobuf messages, without the parts that cost bytes and that no runtime needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import onnx
import onnx_ir as ir

from zoo_compress.graph.fragment import PREFIX, framed


def to_compact_proto(model: ir.Model) -> onnx.ModelProto:
    """Return the model as a message.

    Types of intermediate values are left to be inferred, and the nodes of decode subgraphs go
    without a name: with hundreds of them, both cost more bytes than a small weight.
    """
    proto: onnx.ModelProto = ir.to_proto(model)
    for graph in _graphs(proto.graph):
        del graph.value_info[:]
    for node in proto.graph.node:
        if any(name.startswith(PREFIX) for name in node.input):
            node.ClearField("name")
    return proto


def bytes_without(proto: onnx.ModelProto, initializers: Collection[str]) -> int:
    """Return the size of the serialized message had it none of the named initializers."""
    left_out = sum(
        framed(tensor.ByteSize())
        for tensor in proto.graph.initializer
        if tensor.name in initializers
    )
    return int(proto.ByteSize()) - left_out


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for body in [attribute.g, *attribute.graphs]:
                if body.node:
                    yield from _graphs(body)
