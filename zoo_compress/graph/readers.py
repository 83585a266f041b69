"""Other nodes in the place of those that read a weight, with what the file holds of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import onnx
import onnx_ir as ir

from zoo_compress.core import AnyArray, Site
from zoo_compress.graph.chain import added_bytes
from zoo_compress.graph.fragment import Fragment, add_tensors, to_ir_node
from zoo_compress.graph.framing import framed


def definitions(site: Site) -> list[onnx.NodeProto]:
    """Return the nodes that read a weight; all of them must lie in the main graph."""
    return [onnx.NodeProto.FromString(reader.definition) for reader in site.readers]


def substituted_bytes(fragment: Fragment, replaced: Iterable[onnx.NodeProto]) -> int:
    """Return by how many bytes a fragment takes more than the nodes that it replaces.

    Constants that several fragments share are not counted, and neither is the weight.
    """
    return fragment.inline_bytes + sum(added_bytes(node, ()) for node in replaced)


def domain_bytes(domain: str) -> int:
    """Return the bytes that a model takes to say that it uses operators of a domain."""
    return framed(onnx.helper.make_opsetid(domain, 1).ByteSize())


def replace_readers(model: ir.Model, fragment: Fragment, tensors: Mapping[str, AnyArray]) -> None:
    """Replace a weight and every node that reads it.

    The readers must lie in the main graph and have one output each. Outputs keep their names,
    types and order.

    Args:
        model: The model, changed in place.
        fragment: For every reader, in any order, the nodes that take its place, one after the
            other. They may use the inputs of the reader; the last of them has its output.
        tensors: Values of the tensors that the fragment stores, by role.
    """
    graph = model.graph
    weight = graph.initializers.pop(fragment.weight)
    readers = {node.outputs[0].name: node for node, _ in weight.uses()}
    stored = add_tensors(graph, fragment, tensors)
    start = 0
    for end, node in enumerate(fragment.nodes, start=1):
        reader = readers.get(node.output[0])
        if reader is not None:
            _replace(graph, reader, fragment.nodes[start:end], stored)
            start = end


def _replace(
    graph: ir.Graph,
    reader: ir.Node,
    nodes: Sequence[onnx.NodeProto],
    stored: Mapping[str, ir.Value],
) -> None:
    values = {value.name or "": value for value in reader.inputs if value is not None}
    values.update(stored)
    new = [to_ir_node(node, values) for node in nodes]
    ir.convenience.replace_nodes_and_values(
        graph, reader, [reader], new, reader.outputs, new[-1].outputs
    )
