"""Graphs as protobuf messages, without the parts that cost bytes and that no runtime needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import onnx
import onnx_ir as ir
from onnx import numpy_helper

from zoo_compress.core import AnyArray
from zoo_compress.graph.fragment import PREFIX, framed

# ONNX Runtime looks at small constants while it fuses nodes, so these stay in the model.
SMALLEST_DETACHED_BYTES = 1 << 16
# Types that numpy cannot hand over as ONNX stores them.
PACKED = (
    ir.DataType.STRING,
    ir.DataType.INT4,
    ir.DataType.UINT4,
    ir.DataType.INT2,
    ir.DataType.UINT2,
    ir.DataType.FLOAT4E2M1,
)
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
            node.ClearField("name")
    for tensor in proto.graph.initializer:
        _compact(tensor)
    return proto


def to_skeleton(model: ir.Model) -> tuple[bytes, dict[str, AnyArray]]:
    """Return the model without the payload of its large initializers, serialised, and these.

    The model is not changed. ONNX Runtime takes the arrays beside the model, see
    `runtime.session.open_session`; together they may exceed the 2 GB of a protobuf.
    """
    skeleton, arrays = model.clone(), dict[str, AnyArray]()
    for name, value in skeleton.graph.initializers.items():
        tensor = value.const_value
        if tensor is None or tensor.nbytes < SMALLEST_DETACHED_BYTES or tensor.dtype in PACKED:
            continue
        arrays[name] = tensor.numpy()
        shape = ir.Shape(tensor.shape.numpy())
        # Never read; the location keeps the model valid for tools that insist on one.
        value.const_value = ir.ExternalTensor(
            "supplied", 0, tensor.nbytes, tensor.dtype, shape=shape, name=name
        )
    serialized: bytes = to_compact_proto(skeleton).SerializeToString()
    return serialized, arrays


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
