"""A decode subgraph as a function of the model: the file then holds its nodes only once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import onnx
import onnx_ir as ir

DOMAIN = "zoo"
"""Of the functions that techniques add to a model."""

FIRST_IR_VERSION = 8
"""The first version of the format in which a model may hold functions."""

FEWEST_MODEL_BYTES = 8 << 20
"""Of the tensors of a model, for its weights to be decoded by functions.

A search keeps room for all functions that any option calls, some 20 kB of them. Nodes would take
2 kB for each weight.
"""

# A call and a definition take more bytes than fewer nodes, unless many weights share them.
FEWEST_NODES = 6
# Of SHA-256: two of the few functions of a model have the same with probability 1e-12.
NAME_DIGITS = 12
# Written as one byte, as is every version of the standard operators so far.
ANY_VERSION = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Function:
    """Nodes with names of their own, and how to call them.

    Weights that are decoded by the same operators share one: it is named by what it computes.

    Attributes:
        nodes: In topological order; the last one computes the only output.
        inputs: What the nodes read and do not compute, as the graph names it.
    """

    nodes: tuple[onnx.NodeProto, ...]
    inputs: tuple[str, ...]

    @cached_property
    def name(self) -> str:
        """Of the function, the same for the same nodes."""
        body = b"".join(node.SerializeToString(deterministic=True) for node in self.nodes)
        return "d" + hashlib.sha256(body).hexdigest()[:NAME_DIGITS]

    def proto(self, version: int) -> onnx.FunctionProto:
        """Return the definition.

        Args:
            version: The model's version of the standard operators.
        """
        return onnx.FunctionProto(
            name=self.name,
            domain=DOMAIN,
            input=[_short(number) for number in range(len(self.inputs))],
            output=self.nodes[-1].output,
            node=self.nodes,
            opset_import=[onnx.OperatorSetIdProto(domain="", version=version)],
        )

    def call(self, output: str) -> onnx.NodeProto:
        """Return the node that computes `output`."""
        node: onnx.NodeProto = onnx.helper.make_node(
            self.name, self.inputs, [output], domain=DOMAIN
        )
        return node


def to_function(nodes: Sequence[onnx.NodeProto]) -> Function | None:
    """Return nodes as a function, or None where they are too few for that to save bytes."""
    if len(nodes) < FEWEST_NODES:
        return None
    computed = [name for node in nodes for name in node.output]
    read = dict.fromkeys(name for node in nodes for name in node.input)
    inputs = tuple(name for name in read if name not in computed)
    names = {name: _short(number) for number, name in enumerate([*inputs, *computed])}
    return Function(nodes=tuple(_renamed(node, names) for node in nodes), inputs=inputs)


def define(model: ir.Model, function: Function) -> None:
    """Add a function to a model that may hold it already, in place."""
    if (DOMAIN, function.name, "") in model.functions:
        return
    defined = ir.serde.deserialize_function(function.proto(model.opset_imports[""]))
    model.functions[defined.identifier()] = defined
    model.opset_imports.setdefault(DOMAIN, ANY_VERSION)
    model.ir_version = max(model.ir_version or 0, FIRST_IR_VERSION)


def _renamed(node: onnx.NodeProto, names: dict[str, str]) -> onnx.NodeProto:
    copy: onnx.NodeProto = onnx.NodeProto.FromString(node.SerializeToString())
    copy.input[:] = [names[name] for name in node.input]
    copy.output[:] = [names[name] for name in node.output]
    return copy


def _short(number: int) -> str:
    """Return a name of one or two letters."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    first, second = divmod(number, len(letters))
    return letters[second] if first == 0 else letters[first - 1] + letters[second]
