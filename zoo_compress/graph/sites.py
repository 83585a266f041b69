"""Find the weights of a graph that techniques may store in another way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import onnx_ir as ir

from zoo_compress.core import Declined, Reader, Site
from zoo_compress.graph.fragment import OLDEST_OPSET
from zoo_compress.graph.framing import PREFIX
from zoo_compress.graph.names import value_names
from zoo_compress.graph.operator_set import operator_set
from zoo_compress.graph.ports import PortFinder
from zoo_compress.graph.site_inputs import site_bias
from zoo_compress.graph.stages import stage_count, staged

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

    The model must be normalized, its weights loaded. A weight read by several nodes is one site;
    so is one that is read from inside an If, Loop or Scan body. Left out are constants of fewer
    than 64 elements, and texts. Declined, with the reason: weights of other operators, weights of
    one axis, step sizes of embedding rows that were compressed before, overridable weights
    (listed as graph inputs), weights that are also an output of their graph, element types that
    are not floating point, weights that hold NaN, infinity or magnitudes beyond half of what
    their type or float32 can hold, and every weight of a model whose operator set lacks what
    decoding needs.
    """
    order = {node: i for i, node in enumerate(_nodes(model.graph))}
    found: list[tuple[int, Site]] = []
    declined: list[Declined] = []
    for value, tensor in _constants(model):
        if tensor.size < SMALLEST_REPORTED_ELEMENTS or tensor.dtype == ir.DataType.STRING:
            continue
        reason = _reason_to_decline(value, tensor) or _lacking_operators(model)
        if reason is None:
            first = min(order[node] for node, _ in value.uses())
            found.append((first, _site(model, value, tensor)))
        else:
            declined.append(_declined(value, tensor, reason))
    found.sort(key=lambda item: (item[0], item[1].name))
    finder, opset = PortFinder(model), operator_set(model)
    model_bytes = sum(tensor.nbytes for _, tensor in _constants(model))
    aliased = [
        replace(
            site,
            alias=alias,
            bias=site_bias(model, site),
            ports=finder.ports(model.graph.initializers[site.name]),
            opset=opset,
            model_bytes=model_bytes,
        )
        for (_, site), alias in zip(found, _free_aliases(model), strict=False)
    ]
    sites = staged(model, aliased, stage_count(model_bytes))
    return FoundSites(tuple(sites), tuple(declined))


def _constants(model: ir.Model) -> Iterator[tuple[ir.Value, ir.TensorProtocol]]:
    """Yield initializers and Constant nodes, also those that normalizing left in bodies."""
    for graph in model.graphs():
        for value in graph.initializers.values():
            if value.const_value is not None:
                yield value, value.const_value
    for node in _nodes(model.graph):
        if node.op_type == "Constant" and "value" in node.attributes:
            yield node.outputs[0], node.attributes["value"].as_tensor()


def _free_aliases(model: ir.Model) -> Iterator[str]:
    """Yield short prefixes that no name has, not even in a model that was compressed before."""
    taken = {name.rpartition(".")[0] for name in value_names(model) if name.startswith(PREFIX)}
    return (alias for i in count() if (alias := f"{PREFIX}{i}") not in taken)


def _nodes(graph: ir.Graph) -> Iterator[ir.Node]:
    return iter(ir.traversal.RecursiveGraphIterator(graph))


def _is_weight_use(node: ir.Node, index: int) -> bool:
    return node.domain in ("", "ai.onnx") and index in WEIGHT_INPUTS.get(node.op_type, ())


def _reason_to_decline(value: ir.Value, tensor: ir.TensorProtocol) -> str | None:
    if tensor.dtype not in FLOATS:
        return f"element type {tensor.dtype.name} is not a float type"
    if len(tensor.shape) < 2:
        return "has one axis: a vector, not a matrix or kernel"
    if value.is_graph_output():
        return "is also an output of the graph"
    uses = sorted({node.op_type for node, _ in value.uses()})
    if not any(_is_weight_use(node, index) for node, index in value.uses()):
        return f"read by {', '.join(uses) or 'no node'}, not by {', '.join(WEIGHT_INPUTS)}"
    if value.is_graph_input():
        return "is listed as a graph input: callers may override it"
    if _is_row_scale(value, tensor, uses):
        return "holds the step sizes of rows that are compressed already"
    return _out_of_range(tensor)


def _is_row_scale(value: ir.Value, tensor: ir.TensorProtocol, uses: Sequence[str]) -> bool:
    """Tell whether a tensor of ours has one number for each row that is looked up."""
    ours = str(value.name).startswith(PREFIX)
    return ours and list(uses) == ["Gather"] and tensor.size == tensor.shape[0]


def _out_of_range(tensor: ir.TensorProtocol) -> str | None:
    """Return why weights cannot be put on a grid without a level that overflows, or None."""
    limit = min(float(dtype.max) for dtype in (tensor.dtype, ir.DataType.FLOAT)) / 2
    array = tensor.numpy()
    with np.errstate(invalid="ignore"):
        inside = -limit <= float(array.min()) and float(array.max()) <= limit
    return None if inside else f"holds NaN, infinity or magnitudes above {limit:.3g}"


def _lacking_operators(model: ir.Model) -> str | None:
    opset = operator_set(model)
    if opset >= OLDEST_OPSET:
        return None
    return f"decoding needs operator set {OLDEST_OPSET} or later, the model uses {opset}"


def _site(model: ir.Model, value: ir.Value, tensor: ir.TensorProtocol) -> Site:
    readers = tuple(_reader(model, node, index) for node, index in value.uses())
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
        groups=node.attributes.get_int("group", 1) if node.op_type == "Conv" else 1,
    )


def _reader(model: ir.Model, node: ir.Node, index: int) -> Reader:
    known = node.graph is model.graph and _is_weight_use(node, index)
    return Reader(
        node=node.name or node.op_type,
        op_type=node.op_type,
        input_index=index,
        definition=ir.to_proto(node).SerializeToString(deterministic=True) if known else b"",
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
