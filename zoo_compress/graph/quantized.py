"""Tensors inside a graph as 8-bit numbers: QuantizeLinear and DequantizeLinear around them."""

from __future__ import annotations

from collections.abc import Collection

import onnx
import onnx_ir as ir

from zoo_compress.core import AnyArray
from zoo_compress.graph.fragment import initializer_bytes
from zoo_compress.graph.framing import framed
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
    graph: ir.Graph,
    tensor: str,
    alias: str,
    scale: AnyArray,
    zero: AnyArray,
    *,
    readers: Collection[ir.Node] | None = None,
) -> None:
    """Make readers of a tensor read it rounded to 8 bits; the nodes that round it are put in once.

    An output of the graph is rounded too if all readers are meant and a node yields it; its name
    stays with it.

    Args:
        graph: The main graph, changed in place.
        tensor: Name of an input of the graph or of the output of a node.
        alias: Prefix for the names of what is added.
        scale: Step size, float32, shape ().
        zero: The level that stands for 0, uint8 or int8, shape ().
        readers: The nodes that are to read it rounded; all of them by default.

    Raises:
        KeyError: If the graph has no such tensor.
    """
    if f"{alias}.s" not in graph.initializers:
        _insert_rounding(graph, _value(graph, tensor), alias, scale, zero)
    quantize = next(node for node, _ in graph.initializers[f"{alias}.s"].uses())
    if quantize.op_type != "QuantizeLinear":
        quantize = quantize.inputs[0].producer()  # type: ignore[union-attr, assignment]
    value = quantize.inputs[0]
    assert value is not None
    ((dequantize, _),) = quantize.outputs[0].uses()
    rounded = dequantize.outputs[0]
    for node, index in list(value.uses()):
        if node is not quantize and (readers is None or node in readers):
            node.replace_input_with(index, rounded)
    if readers is None and value.producer() is not None and value.is_graph_output():
        _take_over(graph, value, rounded)


def _insert_rounding(
    graph: ir.Graph, value: ir.Value, alias: str, scale: AnyArray, zero: AnyArray
) -> None:
    """Put the two nodes behind what yields a value; nothing reads them yet."""
    scale_name, zero_name, codes, floats = _names(alias)
    constants = [
        add_initializer(graph, scale_name, scale),
        add_initializer(graph, zero_name, zero),
    ]
    quantize = ir.Node("", "QuantizeLinear", [value, *constants], outputs=[ir.Value(name=codes)])
    dequantize = ir.Node(
        "",
        "DequantizeLinear",
        [quantize.outputs[0], *constants],
        outputs=[ir.Value(name=floats)],
    )
    producer = value.producer()
    if producer is None:
        graph.insert_before(graph[0], [quantize, dequantize])
    else:
        graph.insert_after(producer, [quantize, dequantize])


def rounded_name(alias: str) -> str:
    """Return the name under which readers find a tensor once it is rounded."""
    return _names(alias)[3]


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


def move_bias(graph: ir.Graph, node: ir.Node, alias: str) -> None:
    """Make a Gemm a product alone, and add its third input to that with an Add behind it.

    Args:
        graph: The main graph, changed in place.
        node: The Gemm, beta 1.
        alias: Name of the product.
    """
    bias, output = node.inputs[2], node.outputs[0]
    node.resize_inputs(2)
    if bias is None:
        return
    added = ir.Value(name=output.name, shape=output.shape, type=output.type)
    ir.convenience.replace_all_uses_with(output, added, replace_graph_outputs=True)
    output.name = alias
    graph.insert_after(node, [ir.Node("", "Add", [output, bias], outputs=[added])])
