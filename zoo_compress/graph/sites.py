"""Find the weights of a graph that techniques may store in another way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import onnx_ir as ir

from zoo_compress.core import Declined, Reader, Site
from zoo_compress.graph.fragment import PREFIX

WEIGHT_INPUTS = {
    "Conv": (1,),
    "ConvTranspose": (1,),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "Gather": (0,),
}
"""Operator -> positions of the inputs that can hold a compressible weight."""

FLOATS = {
    ir.DataType.FLOAT: "float32",
    ir.DataType.FLOAT16: "float16",
    ir.DataType.BFLOAT16: "bfloat16",
    ir.DataType.DOUBLE: "float64",
}

# Shorter constants (biases of small layers, epsilons) are not worth a line in a report.
SMALLEST_REPORTED_ELEMENTS = 64


@dataclass(frozen=True)
class FoundSites:
    """The sites of a model, in the order of its nodes, and the weights that are none."""

    sites: tuple[Site, ...]
    declined: tuple[Declined, ...]


def find_sites(model: ir.Model) -> FoundSites:
    """Return the weights that Conv, ConvTranspose, Gemm, MatMul and Gather nodes read.

    The model must be normalized. A weight read by several nodes is one site; so is one that is
    read from inside an If, Loop or Scan body. Declined, with the reason: weights of other
    operators, overridable weights (listed as graph inputs), weights that are also an output of
    the graph, and element types that are not floating point.
    """
    order = {node: i for i, node in enumerate(_nodes(model.graph))}
    found: list[tuple[int, Site]] = []
    declined: list[Declined] = []
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if tensor is None or tensor.size < SMALLEST_REPORTED_ELEMENTS:
            continue
        reason = _reason_to_decline(value, tensor)
        if reason is None:
            first = min(order[node] for node, _ in value.uses())
            found.append((first, _site(value, tensor)))
        elif tensor.dtype.is_floating_point():
            declined.append(_declined(value, tensor, reason))
    found.sort(key=lambda item: (item[0], item[1].name))
    aliased = (replace(site, alias=f"{PREFIX}{i}") for i, (_, site) in enumerate(found))
    return FoundSites(tuple(aliased), tuple(declined))


def _nodes(graph: ir.Graph) -> Iterator[ir.Node]:
    return iter(ir.traversal.RecursiveGraphIterator(graph))


def _is_weight_use(node: ir.Node, index: int) -> bool:
    return node.domain in ("", "ai.onnx") and index in WEIGHT_INPUTS.get(node.op_type, ())


def _reason_to_decline(value: ir.Value, tensor: ir.TensorProtocol) -> str | None:
    if tensor.dtype not in FLOATS:
        return f"element type {tensor.dtype.name} is not a float type"
    if len(tensor.shape) < 2:
        return "has one axis: a vector, not a matrix or kernel"
    uses = sorted({node.op_type for node, _ in value.uses()})
    if not any(_is_weight_use(node, index) for node, index in value.uses()):
        return f"read by {', '.join(uses) or 'no node'}, not by {', '.join(WEIGHT_INPUTS)}"
    if value.is_graph_input():
        return "is listed as a graph input: callers may override it"
    if value.is_graph_output():
        return "is also an output of the graph"
    return None


def _site(value: ir.Value, tensor: ir.TensorProtocol) -> Site:
    readers = tuple(
        Reader(node=node.name or node.op_type, op_type=node.op_type, input_index=index)
        for node, index in value.uses()
    )
    node, index = min(
        (use for use in value.uses() if _is_weight_use(*use)),
        key=lambda use: list(WEIGHT_INPUTS).index(use[0].op_type),
    )
    shape = tuple(int(length) for length in tensor.shape.numpy())
    return Site(
        name=str(value.name),
        shape=shape,
        dtype=FLOATS[tensor.dtype],
        channel_axis=_channel_axis(node, index, len(shape)),
        readers=readers,
    )


def _channel_axis(node: ir.Node, index: int, rank: int) -> int:
    """Return the axis that holds output channels, or rows for Gather."""
    if node.op_type == "Gather":
        return node.attributes.get_int("axis", 0) % rank
    if node.op_type == "ConvTranspose":
        return 1
    if node.op_type == "Gemm":
        transposed = bool(node.attributes.get_int("transB" if index == 1 else "transA", 0))
        return int(transposed != (index == 1))
    if node.op_type == "MatMul":
        return rank - 1 if index == 1 else rank - 2
    return 0


def _declined(value: ir.Value, tensor: ir.TensorProtocol, reason: str) -> Declined:
    return Declined(
        name=str(value.name),
        shape=tuple(int(length) for length in tensor.shape.numpy()),
        stored_bytes=tensor.nbytes,
        reason=reason,
    )
