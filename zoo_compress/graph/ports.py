"""Which tensors have to be 8-bit numbers for the readers of a weight to compute with such."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

import onnx_ir as ir

from zoo_compress.core import Port
from zoo_compress.graph.framing import PREFIX
from zoo_compress.graph.names import value_names

CHOOSING = ("MaxPool",)
"""Operators that choose numbers: what they yield has the levels of what they read.

ONNX Runtime moves DequantizeLinear across them. It does so across Reshape and Transpose too, but
not in front of a Gemm, so that these are not looked through.
"""

STANDARD = ("", "ai.onnx")


class PortFinder:
    """Finds ports, and gives every tensor that one of them names an alias of its own."""

    def __init__(self, model: ir.Model) -> None:
        """Take the model; it must be normalized."""
        self._graph = model.graph
        self._free = _free_aliases(model)
        self._aliases: dict[str, str] = {}

    def ports(self, weight: ir.Value) -> tuple[Port, ...]:
        """Return a port for each reader of a weight.

        Empty, so that no reader computes with 8-bit numbers, if one of them is none of

        - Conv, as its kernel;
        - Gemm, as the second matrix, the first not transposed, alpha and beta 1;
        - MatMul with a weight of two axes on the right,

        if it lies in the body of an If, Loop or Scan, or if what it reads beside the weight is a
        constant.
        """
        found = [self._port(node, index, weight) for node, index in weight.uses()]
        known = [port for port in found if port is not None]
        return tuple(known) if len(known) == len(found) else ()

    def _port(self, node: ir.Node, index: int, weight: ir.Value) -> Port | None:
        if node.graph is not self._graph or index != 1 or not _multiplies(node, weight):
            return None
        source = _source(node.inputs[0])
        if source is None or source.name is None:
            return None
        target = _target(node.outputs[0]) if node.op_type == "Conv" else None
        return Port(
            source=source.name,
            source_alias=self._alias(source.name),
            target=None if target is None else target.name,
            target_alias="" if target is None else self._alias(str(target.name)),
        )

    def _alias(self, tensor: str) -> str:
        if tensor not in self._aliases:
            self._aliases[tensor] = next(self._free)
        return self._aliases[tensor]


def aliases(port: Port) -> Mapping[str, str]:
    """Return the tensors of a port with their aliases."""
    found = {port.source: port.source_alias}
    return found if port.target is None else found | {port.target: port.target_alias}


def _free_aliases(model: ir.Model) -> Iterator[str]:
    taken = {name.rpartition(".")[0] for name in value_names(model) if name.startswith(PREFIX)}
    return (alias for i in count() if (alias := f"{PREFIX}t{i}") not in taken)


def _multiplies(node: ir.Node, weight: ir.Value) -> bool:
    """Tell whether a node is one that runtimes have a kernel of 8-bit numbers for."""
    if node.domain not in STANDARD or node.op_type not in ("Conv", "Gemm", "MatMul"):
        return False
    if node.op_type == "Conv":
        return True
    scales = (node.attributes.get_float("alpha", 1.0), node.attributes.get_float("beta", 1.0))
    plain = not node.attributes.get_int("transA", 0) and scales == (1.0, 1.0)
    return plain and weight.shape is not None and len(weight.shape) == 2


def _source(value: ir.Value | None) -> ir.Value | None:
    """Return the tensor that holds the numbers of a value, None for constants."""
    while value is not None:
        node = value.producer()
        if node is None or node.domain not in STANDARD or node.op_type not in CHOOSING:
            break
        value = node.inputs[0]
    return None if value is None or value.is_initializer() else value


def _target(output: ir.Value) -> ir.Value:
    """Return a convolution's output, or that of the only node that reads it if it cuts off.

    That is Relu, and Clip whose lower bound is 0: the least of the unsigned levels stands for it.
    """
    uses = list(output.uses())
    if len(uses) != 1 or output.is_graph_output():
        return output
    node, index = uses[0]
    cuts = node.op_type == "Relu" or (node.op_type == "Clip" and _lower_bound(node) == 0)
    same = node.domain in STANDARD and node.graph is output.producer().graph  # type: ignore[union-attr]
    return node.outputs[0] if cuts and same and index == 0 else output


def _lower_bound(node: ir.Node) -> float | None:
    if len(node.inputs) < 2 or node.inputs[1] is None or node.inputs[1].const_value is None:
        return None
    return float(node.inputs[1].const_value.numpy())
