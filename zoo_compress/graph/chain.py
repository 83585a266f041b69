"""Several nodes in the place of one, each with a factor of the weight that it read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx
import onnx_ir as ir

from zoo_compress.core import AnyArray
from zoo_compress.graph.framing import PREFIX, framed
from zoo_compress.graph.initializers import add_initializer


@dataclass(frozen=True, kw_only=True)
class Link:
    """A node of a chain: it multiplies what the link before it yields with a factor.

    Attributes:
        op_type: Its operator.
        position: Which of its first two inputs the factor is; the other is the data.
        transposed: Whether it takes the factor as (inputs, outputs), not as (outputs, inputs).
        attributes: Its attributes, by name.
    """

    op_type: str
    position: int = 1
    transposed: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)


def attributes_of(definition: onnx.NodeProto) -> dict[str, Any]:
    """Return the attributes of a node, by name."""
    return {a.name: onnx.helper.get_attribute_value(a) for a in definition.attribute}


def chain_nodes(
    definition: onnx.NodeProto, links: Sequence[Link], factors: Sequence[str], *, alias: str
) -> list[onnx.NodeProto]:
    """Return the nodes of a chain, without names.

    The last has the operator, the outputs and the bias of the node that it replaces.

    Args:
        definition: The node that the chain replaces.
        links: At least two; the weight is where the last one has its factor.
        factors: Names of the factors, one for each link.
        alias: Prefix for the names of what is handed on.
    """
    data = definition.input[1 - links[-1].position]
    nodes: list[onnx.NodeProto] = []
    for number, (link, factor) in enumerate(zip(links[:-1], factors[:-1], strict=True)):
        output = f"{alias}.{number}"
        inputs = [data, factor] if link.position else [factor, data]
        nodes.append(onnx.helper.make_node(link.op_type, inputs, [output], **link.attributes))
        data = output
    last = onnx.NodeProto()
    last.CopyFrom(definition)
    last.ClearField("name")
    last.ClearField("attribute")
    last.input[links[-1].position], last.input[1 - links[-1].position] = factors[-1], data
    for name, value in links[-1].attributes.items():
        last.attribute.append(onnx.helper.make_attribute(name, value))
    return [*nodes, last]


def added_bytes(definition: onnx.NodeProto, nodes: Sequence[onnx.NodeProto]) -> int:
    """Return by how many bytes the nodes of a chain take more than the node they replace."""
    replaced = onnx.NodeProto()
    replaced.CopyFrom(definition)
    # Nodes that read a tensor of ours are written without their name.
    if any(name.startswith(PREFIX) for name in definition.input):
        replaced.ClearField("name")
    return sum(framed(node.ByteSize()) for node in nodes) - framed(replaced.ByteSize())


def insert_chain(
    model: ir.Model,
    weight: str,
    nodes: Sequence[onnx.NodeProto],
    factors: Mapping[str, AnyArray],
) -> None:
    """Replace an initializer and the one node that reads it by factors and a chain.

    Args:
        model: The model, changed in place. The node itself becomes the last of the chain.
        weight: Name of the initializer.
        nodes: From `chain_nodes`.
        factors: The arrays, by name; they become initializers.
    """
    graph = model.graph
    ((node, _),) = graph.initializers[weight].uses()
    known: dict[str, ir.Value | None] = {value.name or "": value for value in node.inputs if value}
    known |= {name: add_initializer(graph, name, array) for name, array in factors.items()}
    for link in nodes[:-1]:
        output = ir.Value(name=link.output[0])
        inputs = [known[name] for name in link.input]
        new = ir.Node("", link.op_type, inputs, _attributes(link), outputs=[output])
        graph.insert_before(node, [new])
        known[link.output[0]] = output
    for index, name in enumerate(nodes[-1].input):
        node.replace_input_with(index, known.get(name))
    node.attributes.clear()
    for attribute in _attributes(nodes[-1]):
        node.attributes.add(attribute)
    del graph.initializers[weight]


def _attributes(node: onnx.NodeProto) -> list[ir.Attr]:
    return [ir.serde.deserialize_attribute(attribute) for attribute in node.attribute]
