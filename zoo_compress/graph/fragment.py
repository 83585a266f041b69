"""A decode subgraph: the stored tensors and nodes that rebuild one weight."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from zoo_compress.core import AnyArray, Site, Stage
from zoo_compress.graph.framing import PREFIX, framed
from zoo_compress.graph.function import (
    ANY_VERSION,
    DOMAIN,
    FEWEST_MODEL_BYTES,
    Function,
    define,
    to_function,
)
from zoo_compress.graph.initializers import add_initializer
from zoo_compress.graph.stages import add_gate, gate, gate_bytes

OLDEST_OPSET = 11
"""The first operator set with all operators of decode subgraphs: it brought BitShift."""

# The number of the field that holds functions needs a second byte.
_FURTHER_TAG_BYTES = 1


@dataclass(frozen=True)
class TensorPlan:
    """Shape and element type of a stored tensor; its values too, if they are the same for all."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    value: AnyArray | None = None

    @property
    def stored_bytes(self) -> int:
        """Bytes that the tensor takes as an initializer in the file."""
        empty = onnx.TensorProto(
            name=self.name,
            dims=self.shape,
            data_type=onnx.helper.np_dtype_to_tensor_dtype(self.dtype),
        )
        payload = math.prod(self.shape) * self.dtype.itemsize
        return framed(empty.ByteSize() + framed(payload))


@dataclass
class Fragment:
    """Nodes, stored tensors and shared constants of one decode subgraph.

    Attributes:
        weight: Name of the weight that the last node rebuilds.
        alias: A short prefix for the names of everything else; long names cost bytes.
        calls: Whether the nodes become a function that other weights may share.
        stage: When the weight is decoded; None where nothing tells.
        nodes: In topological order.
        tensors: Stored for this weight alone.
        constants: Small constants that all fragments of a model share, by name.
        tables: What other fragments compute once for all that read it, by name, in their order.
    """

    weight: str
    alias: str
    calls: bool = False
    stage: Stage | None = None
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: list[TensorPlan] = field(default_factory=list)
    constants: dict[str, AnyArray] = field(default_factory=dict)
    tables: dict[str, Fragment] = field(default_factory=dict)
    _known: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)

    def store(self, role: str, shape: Sequence[int], dtype: type[np.generic]) -> str:
        """Declare a tensor that `Encoded.tensors` supplies under `role`; return its name.

        Rows of bytes, of which most is computed, wait for the stage of the weight.
        """
        name = f"{self.alias}.{role}"
        self.tensors.append(TensorPlan(name, tuple(shape), np.dtype(dtype)))
        if self.stage is None or dtype is not np.uint8 or len(shape) != 1:
            return name
        return self.add("Expand", [name, gate(self.stage.number)])

    def keep(self, role: str, value: AnyArray) -> str:
        """Declare a constant of this fragment alone and return its name."""
        name = f"{self.alias}.{role}"
        self.tensors.append(TensorPlan(name, value.shape, value.dtype, value))
        return name

    def share(self, name: str, value: AnyArray) -> str:
        """Declare a constant that all fragments of a model share and return its name."""
        full_name = PREFIX + name
        self.constants[full_name] = value
        return full_name

    def compute(self, name: str, build: Callable[[Fragment], None]) -> str:
        """Declare what all fragments of a model share, but nodes compute; return its name.

        ONNX Runtime takes longer for nodes, however little they do, than for small tables.

        Args:
            name: The same for the same nodes.
            build: Appends the nodes to the fragment that it is given, the last one computes it.
        """
        full_name = PREFIX + name
        if full_name not in self.tables:
            table = Fragment(full_name, full_name, calls=self.calls)
            build(table)
            table.finish()
            self.tables |= {**table.tables, full_name: table}
        return full_name

    def add(self, op_type: str, inputs: Sequence[str], /, **attributes: Any) -> str:
        """Append a node and return the name of its output."""
        output = f"{self.alias}.{len(self.nodes)}"
        node = onnx.helper.make_node(op_type, inputs, [output], **attributes)
        self.nodes.append(node)
        return output

    def constant(self, value: AnyArray) -> str:
        """Append a constant of the nodes, if they have none like it, and return its name.

        Where the nodes are a function, the file then holds it once for all weights.
        """
        key = value.dtype.str, value.shape, value.tobytes()
        if key not in self._known:
            tensor = onnx.numpy_helper.from_array(value)
            self._known[key] = self.add("Constant", [], value=tensor)
        return self._known[key]

    def fixed(self, name: str, value: AnyArray) -> str:
        """Declare a constant that is the same for all weights of a kind and return its name.

        It is part of the function where the nodes are one: calls then need not name it.
        """
        return self.constant(value) if self.calls else self.share(name, value)

    def add_several(
        self, op_type: str, inputs: Sequence[str], outputs: int, /, **attributes: Any
    ) -> list[str]:
        """Append a node of several outputs and return their names."""
        first = self.add(op_type, inputs, **attributes)
        names = [first, *(f"{first}.{number}" for number in range(1, outputs))]
        self.nodes[-1].output[:] = names
        return names

    def finish(self) -> None:
        """Give the output of the last node the weight's own name."""
        self.nodes[-1].output[0] = self.weight

    @classmethod
    def of(cls, site: Site) -> Fragment:
        """Return a fragment without nodes for a weight; it calls functions in large models."""
        calls = site.model_bytes >= FEWEST_MODEL_BYTES
        return cls(site.name, site.alias, calls=calls, stage=site.stage)

    @property
    def function(self) -> Function | None:
        """The nodes as a function; None where they stay in the graph, as few ones always do."""
        return to_function(self.nodes) if self.calls else None

    @property
    def stored_bytes(self) -> int:
        """Bytes that the fragment adds to the file, without what fragments share."""
        return self.sizes[0]

    @property
    def shared_bytes(self) -> dict[str, int]:
        """Bytes of each constant that fragments share, and of the function, by name."""
        return self.sizes[1]

    @property
    def sizes(self) -> tuple[int, dict[str, int]]:
        """`stored_bytes` and `shared_bytes`: the function of many nodes takes time to make."""
        shared = {
            name: initializer_bytes(name, value.shape, value.itemsize)
            for name, value in self.constants.items()
        }
        for name, table in self.tables.items():
            computed, further = table.sizes
            shared |= {**further, name: computed}
        if self.stage is not None:
            shared[f"{PREFIX}g"] = gate_bytes(self.stage.source, self.stage.count)
        if (function := self.function) is None:
            return self.inline_bytes, shared
        domain = onnx.OperatorSetIdProto(domain=DOMAIN, version=ANY_VERSION)
        shared[DOMAIN] = framed(domain.ByteSize())
        definition = framed(function.proto(ANY_VERSION).ByteSize()) + _FURTHER_TAG_BYTES
        shared[f"{DOMAIN}.{function.name}"] = definition
        call = framed(function.call(self.weight).ByteSize())
        return call + sum(tensor.stored_bytes for tensor in self.tensors), shared

    @property
    def inline_bytes(self) -> int:
        """Bytes that the fragment adds where its nodes stay in the graph."""
        nodes = sum(framed(node.ByteSize()) for node in self.nodes)
        return nodes + sum(tensor.stored_bytes for tensor in self.tensors)


def initializer_bytes(name: str, shape: tuple[int, ...], element_bytes: int) -> int:
    """Return the bytes that an uncompressed weight takes as an initializer in the file."""
    empty = onnx.TensorProto(name=name, dims=shape, data_type=onnx.TensorProto.FLOAT)
    return framed(empty.ByteSize() + framed(math.prod(shape) * element_bytes))


def insert_fragment(model: ir.Model, fragment: Fragment, tensors: Mapping[str, AnyArray]) -> None:
    """Replace an initializer of the main graph by the subgraph that rebuilds it.

    Args:
        model: The model, changed in place; the new nodes come first in its graph.
        fragment: The subgraph.
        tensors: Values of the tensors that the fragment stores, by role.

    Raises:
        ValueError: If the graph holds another tensor under the name of a shared constant.
    """
    graph = model.graph
    old = graph.initializers.pop(fragment.weight)
    values = {name: _shared(graph, name, array) for name, array in fragment.constants.items()}
    values |= add_tensors(graph, fragment, tensors)
    read = {name: _computed(model, table) for name, table in fragment.tables.items()}
    if fragment.stage is not None:
        read[gate(fragment.stage.number)] = add_gate(model, fragment.stage)
    nodes = _called(model, fragment, {**values, **read})
    _insert(graph, nodes, list(read.values()))
    rebuilt = nodes[-1].outputs[0]
    ir.convenience.replace_all_uses_with(old, rebuilt)


def _called(model: ir.Model, fragment: Fragment, values: dict[str, ir.Value]) -> list[ir.Node]:
    """Return the nodes of a fragment, or the call of its function, which the model then has."""
    function = fragment.function
    if function is None:
        return [to_ir_node(node, values) for node in fragment.nodes]
    define(model, function)
    return [to_ir_node(function.call(fragment.weight), values)]


def _computed(model: ir.Model, table: Fragment) -> ir.Value:
    """Return what a table computes, with the nodes that do if the model does not have them."""
    graph = model.graph
    read: dict[str, ir.Value] = {}
    for node in graph:
        known = {str(value.name): value for value in node.outputs}
        if table.weight in known:
            return known[table.weight]
        read |= {name: value for name, value in known.items() if name in table.tables}
    constants = {name: _shared(graph, name, array) for name, array in table.constants.items()}
    nodes = _called(model, table, {**read, **constants})
    _insert(graph, nodes, list(read.values()))
    return nodes[-1].outputs[0]


def _insert(graph: ir.Graph, nodes: list[ir.Node], read: list[ir.Value]) -> None:
    """Insert nodes in front of all others, but behind those that compute what they read."""
    behind = {value.producer() for value in read}
    last = next((node for node in reversed(graph) if node in behind), None)
    if last is None:
        graph.insert_before(graph[0], nodes)
    else:
        graph.insert_after(last, nodes)


def _shared(graph: ir.Graph, name: str, array: AnyArray) -> ir.Value:
    known = graph.initializers.get(name)
    if known is None:
        return add_initializer(graph, name, array)
    if known.const_value is None or not np.array_equal(known.const_value.numpy(), array):
        raise ValueError(f"the graph holds another tensor under the name '{name}'")
    return known


def add_tensors(
    graph: ir.Graph, fragment: Fragment, tensors: Mapping[str, AnyArray]
) -> dict[str, ir.Value]:
    """Add what a fragment stores to a graph; return the values by name.

    Args:
        graph: Changed in place.
        fragment: Names the tensors; those with values of their own need none here.
        tensors: Values of the others, by role.
    """
    values = {}
    for plan in fragment.tensors:
        role = plan.name.removeprefix(f"{fragment.alias}.")
        array = tensors[role] if plan.value is None else plan.value
        values[plan.name] = add_initializer(graph, plan.name, array)
    return values


def to_ir_node(node: onnx.NodeProto, values: dict[str, ir.Value]) -> ir.Node:
    """Make a node on known inputs and add its outputs, which then are known too.

    Outputs carry no type, which would only cost bytes.
    """
    attributes = [ir.serde.deserialize_attribute(attribute) for attribute in node.attribute]
    outputs = [ir.Value(name=name) for name in node.output]
    values.update(zip(node.output, outputs, strict=True))
    inputs = [values[name] for name in node.input]
    return ir.Node(node.domain, node.op_type, inputs, attributes, outputs=outputs)
