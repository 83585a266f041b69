"""Tensors inside a graph as 8-bit numbers: QuantizeLinear and DequantizeLinear around them."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir

from zoo_compress.core import AnyArray
from zoo_compress.graph.fragment import framed, initializer_bytes
from zoo_compress.graph.initializers import add_initializer


def quantized_bytes(alias: str, tensor: str) -> int:
    """Return the bytes that `quantize_tensor` adds to a file.

    Names that readers then have for the tensor are not counted.
    """
    scale, zero, codes, floats = _names(alias)
    nodes = (
        onnx.helper.make_node("QuantizeLinear", [tensor, scale, zero], [codes]),
        onnx.helper.make_node("DequantizeLinear", [codes, scale, zero], [floats]),
    )
    constants = initializer_bytes(scale, (), 4) + initializer_bytes(zero, (), 1)
    return constants + sum(framed(node.ByteSize()) for node in nodes)


def quantize_tensor(
    graph: ir.Graph, tensor: str, alias: str, scale: AnyArray, zero: AnyArray
) -> None:
    """Make all readers of a tensor read it rounded to 8 bits; nothing if they do already.

    An output of the graph is rounded too where a node yields it; its name stays with it.

    Args:
        graph: The main graph, changed in place.
        tensor: Name of an input of the graph or of the output of a node.
        alias: Prefix for the names of what is added.
        scale: Step size, float32, shape ().
        zero: The level that stands for 0, uint8 or int8, shape ().

    Raises:
        KeyError: If the graph has no such tensor.
    """
    scale_name, zero_name, codes, floats = _names(alias)
    if scale_name in graph.initializers:
        return
    value = _value(graph, tensor)
    constants = [
        add_initializer(graph, scale_name, scale),
        add_initializer(graph, zero_name, zero),
    ]
    readers = list(value.uses())
    quantize = ir.Node("", "QuantizeLinear", [value, *constants], outputs=[ir.Value(name=codes)])
    rounded = ir.Value(name=floats)
    dequantize = ir.Node(
        "", "DequantizeLinear", [quantize.outputs[0], *constants], outputs=[rounded]
    )
    for node, index in readers:
        node.replace_input_with(index, rounded)
    producer = value.producer()
    if producer is None:
        graph.insert_before(graph[0], [quantize, dequantize])
        return
    graph.insert_after(producer, [quantize, dequantize])
    if value.is_graph_output():
        _take_over(graph, value, rounded)


def _names(alias: str) -> tuple[str, str, str, str]:
    return f"{alias}.s", f"{alias}.z", f"{alias}.q", f"{alias}.d"


def _value(graph: ir.Graph, name: str) -> ir.Value:
    for value in graph.inputs:
        if value.name == name:
            return value
    for node in graph:
        for value in node.outputs:
            if value.name == name:
                return value
    raise KeyError(f"the graph has no tensor '{name}'")


def _take_over(graph: ir.Graph, value: ir.Value, rounded: ir.Value) -> None:
    """Make a tensor the output of the graph in the place, and under the name, of another."""
    name, other = value.name, rounded.name
    rounded.shape, rounded.type = value.shape, value.type
    for position, output in enumerate(graph.outputs):
        if output is value:
            graph.outputs[position] = rounded
    value.name, rounded.name = other, name


def zero_of(dtype: type[np.integer], value: int) -> AnyArray:
    """Return a zero point as a file holds it."""
    return np.array(value, dtype)
