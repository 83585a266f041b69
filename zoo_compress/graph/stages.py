"""Have ONNX Runtime decode the weights of a large model pass after pass, which takes less memory.

While it folds constants, ONNX Runtime keeps all that it computes on the way to the weights, until
it has been through the graph once. As long as something changes it then begins again, up to ten
times. Here the packed codes of a weight are expanded by a gate, the shape [1], which changes
nothing, but becomes a constant in one of these passes only.

The next gate is computed from the shape of a tensor that is expanded by the gate before, and is no
constant: the number of elements of an input of the graph. While constants are folded, shapes of
single nodes are inferred anew, but those of nodes with bodies only between two passes: so the
tensor comes out of an If, whose branches are alike. A runtime that folds nothing of this computes
the same gates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir

from zoo_compress.core import Site, Stage
from zoo_compress.graph.framing import PREFIX, framed, nameless
from zoo_compress.graph.initializers import add_initializer

_ONE = "o"
_GATE = re.compile(re.escape(PREFIX) + r"g\d+")
_GATE_NODE = re.compile(re.escape(PREFIX) + r"(q|c|[ihg]\d+)")
"""Names of what is computed for gates, and of these."""

MOST_STAGES = 8
"""ONNX Runtime goes through the graph ten times at most; other changes may take the last ones."""

# A pass takes as long as looking at all nodes, a tenth of a second where they are thousands.
SMALLEST_STAGE_BYTES = 4 << 20


def stage_count(model_bytes: int) -> int:
    """Return in how many passes the weights of a model are decoded.

    Args:
        model_bytes: Bytes of all its tensors.
    """
    return max(1, min(model_bytes // SMALLEST_STAGE_BYTES, MOST_STAGES))


def staged(model: ir.Model, sites: Sequence[Site], count: int) -> list[Site]:
    """Return sites with the passes in which they are decoded, about as many weights in each.

    Without one are those of models of a single pass, of which no input is a tensor, or which have
    gates already: these may be fewer.

    Args:
        model: The model.
        sites: The sites.
        count: How many passes there are, see `stage_count`.
    """
    source = _source(model)
    if source is None or count < 2 or PREFIX + _ONE in model.graph.initializers:
        return list(sites)
    weights = [0] * count
    numbers: dict[str, int] = {}
    for site in sorted(sites, key=lambda site: -site.elements):
        numbers[site.name] = int(np.argmin(weights))
        weights[numbers[site.name]] += site.elements
    return [
        replace(site, stage=Stage(number=numbers[site.name], count=count, source=source))
        for site in sites
    ]


def add_gate(model: ir.Model, stage: Stage) -> ir.Value:
    """Return the gate of a stage, with the nodes for all of them if the model has none."""
    graph, name = model.graph, gate(stage.number)
    known = (value for node in graph for value in node.outputs)
    if found := next((value for value in known if value.name == name), None):
        return found
    source = next(value for value in graph.inputs if value.name == stage.source)
    one = add_initializer(graph, PREFIX + _ONE, _one())
    nodes = list(_gates(source, one, stage.count))
    graph.insert_before(graph[0], nodes)
    return next(value for node in nodes for value in node.outputs if value.name == name)


@lru_cache(maxsize=8)
def gate_bytes(source: str, count: int) -> int:
    """Return the bytes that the gates of a model add to its file, see `Stage`."""
    tensor = onnx.numpy_helper.from_array(_one(), PREFIX + _ONE)
    nodes = _gates(ir.Value(name=source), ir.Value(name=PREFIX + _ONE), count)
    protos = (nameless(ir.to_proto(node)) for node in nodes)
    return framed(tensor.ByteSize()) + sum(framed(proto.ByteSize()) for proto in protos)


def open_gates(model: onnx.ModelProto) -> None:
    """Make constants of all gates, in place, for tools that fold less than ONNX Runtime does."""
    graph = model.graph
    ours = [node for node in graph.node if _GATE_NODE.fullmatch(node.output[0])]
    for node in ours:
        graph.node.remove(node)
        if _GATE.fullmatch(node.output[0]):
            graph.initializer.append(onnx.numpy_helper.from_array(_one(), node.output[0]))


def gate(number: int) -> str:
    """Return the name of a gate."""
    return f"{PREFIX}g{number}"


def _one() -> npt.NDArray[np.int64]:
    return np.array([1], np.int64)


def _gates(source: ir.Value, one: ir.Value, count: int) -> Iterator[ir.Node]:
    """Yield the nodes that compute the gates of all passes."""

    def node(op_type: str, inputs: Sequence[ir.Value], name: str, **attributes: Any) -> ir.Node:
        outputs = [ir.Value(name=PREFIX + name)]
        return ir.node(op_type, inputs, attributes or None, outputs=outputs)

    def body(name: str) -> ir.Graph:
        expanded = node("Expand", [elements, shape], name)
        return ir.Graph([], expanded.outputs, nodes=[expanded], name=name)

    yield (size := node("Size", [source], "q"))
    elements = size.outputs[0]
    yield (some := node("Cast", [elements], "c", to=ir.DataType.BOOL))
    yield (closed := node("Abs", [one], "g0"))
    shape = closed.outputs[0]
    for number in range(1, count):
        branches = {"then_branch": body(f"t{number}"), "else_branch": body(f"e{number}")}
        yield (chosen := node("If", some.outputs, f"i{number}", **branches))
        yield (known := node("Shape", chosen.outputs, f"h{number}"))
        yield (closed := node("Abs", known.outputs, f"g{number}"))
        shape = closed.outputs[0]


def _source(model: ir.Model) -> str | None:
    """Return the name of an input of the graph that is a tensor and no weight."""
    given = (value for value in model.graph.inputs if value.const_value is None)
    return next((value.name for value in given if isinstance(value.type, ir.TensorType)), None)
