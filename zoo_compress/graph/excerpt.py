"""The part of a graph around one weight, as a small model of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir

from zoo_compress.core import AnyArray, Site
from zoo_compress.graph.fragment import to_ir_node
from zoo_compress.graph.ports import CHOOSING, STANDARD

FUSED = ("Add", "Clip", "Relu")
"""Operators that runtimes compute together with the product in front of them, if all that they
take in beside it is constant."""


def excerpt_inputs(model: ir.Model, site: Site) -> tuple[str, ...] | None:
    """Return the tensors that the excerpt around a weight takes in.

    None where there is no excerpt: where a node that reads the weight lies in the body of an If,
    Loop or Scan.
    """
    nodes = _nodes(model, site)
    return None if nodes is None else _taken(nodes)


def excerpt(model: ir.Model, site: Site, values: Mapping[str, AnyArray]) -> ir.Model:
    """Return the nodes around a weight as a model; the original is not changed.

    These are the nodes that read the weight, those between them and the numbers that they
    multiply it with (see `graph.ports`), and behind them, one after the other as long as nothing
    else reads what they give out, those that runtimes fuse with them: Relu, Clip, and the
    addition of a constant. Names are the same as in the model, so that a technique can rewrite
    the one as it does the other.

    Args:
        model: The model, normalized.
        site: The weight.
        values: Numbers for `excerpt_inputs`; they tell types and shapes.

    Raises:
        ValueError: If there is no excerpt.
    """
    nodes = _nodes(model, site)
    if nodes is None:
        raise ValueError(f"site '{site.name}' is read in the body of an If, Loop or Scan")
    inputs = [_input(name, values[name]) for name in _taken(nodes)]
    constants = [_constant(value) for value in _constants(nodes)]
    known: dict[str, ir.Value] = {str(value.name): value for value in (*inputs, *constants)}
    copies = [to_ir_node(ir.serde.serialize_node(node), known) for node in nodes]
    outputs = [known[name] for name in _given(nodes)]
    graph = ir.Graph(
        inputs,
        outputs,
        nodes=copies,
        initializers=constants,
        opset_imports=dict(model.opset_imports),
        name="excerpt",
    )
    return ir.Model(graph, ir_version=model.ir_version)


def _nodes(model: ir.Model, site: Site) -> list[ir.Node] | None:
    """Return the nodes of an excerpt in the order of the graph."""
    weight = model.graph.initializers[site.name]
    readers = {node for node, _ in weight.uses()}
    if any(node.graph is not model.graph for node in readers):
        return None
    found = set(readers)
    for node in readers:
        found.update(_before(node, weight))
        found.update(_behind(node))
    return [node for node in model.graph if node in found]


def _before(reader: ir.Node, weight: ir.Value) -> list[ir.Node]:
    found = []
    for value in reader.inputs:
        while value is not None and value is not weight:
            node = value.producer()
            if node is None or node.domain not in STANDARD or node.op_type not in CHOOSING:
                break
            found.append(node)
            value = node.inputs[0]
    return found


def _behind(reader: ir.Node) -> list[ir.Node]:
    found: list[ir.Node] = []
    node = reader
    while len(node.outputs) == 1:
        output = node.outputs[0]
        uses = list(output.uses())
        if len(uses) != 1 or output.is_graph_output() or not _fuses(uses[0][0], output):
            break
        node = uses[0][0]
        found.append(node)
    return found


def _fuses(node: ir.Node, product: ir.Value) -> bool:
    same = node.domain in STANDARD and node.op_type in FUSED
    beside = (value for value in node.inputs if value is not None and value is not product)
    producer = product.producer()
    inside = producer is not None and node.graph is producer.graph
    return same and inside and all(value.is_initializer() for value in beside)


def _taken(nodes: Sequence[ir.Node]) -> tuple[str, ...]:
    """Return the names of what nodes take in that is neither constant nor theirs."""
    own = {value for node in nodes for value in node.outputs}
    taken = (value for node in nodes for value in node.inputs if value is not None)
    names = (str(value.name) for value in taken if not value.is_initializer() and value not in own)
    return tuple(dict.fromkeys(names))


def _given(nodes: Sequence[ir.Node]) -> tuple[str, ...]:
    """Return the names of what others read of nodes' outputs, or the whole graph gives out."""
    own = set(nodes)
    given = (value for node in nodes for value in node.outputs)
    return tuple(
        str(value.name)
        for value in given
        if value.is_graph_output() or any(node not in own for node, _ in value.uses())
    )


def _constants(nodes: Sequence[ir.Node]) -> list[ir.Value]:
    taken = (value for node in nodes for value in node.inputs if value is not None)
    return list({value.name: value for value in taken if value.is_initializer()}.values())


def _input(name: str, array: AnyArray) -> ir.Value:
    kind = ir.TensorType(ir.DataType.from_numpy(array.dtype))
    return ir.Value(name=name, shape=ir.Shape(array.shape), type=kind)


def _constant(value: ir.Value) -> ir.Value:
    return ir.Value(
        name=value.name, const_value=value.const_value, shape=value.shape, type=value.type
    )
