"""Cut a model in two between its nodes, where few tensors lead from one part to the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from zoo_compress.core import AnyArray
from zoo_compress.runtime.skeleton import copy_fields

if TYPE_CHECKING:
    import onnx

Shape = Sequence[int | None]

# Where the output of a node is another one in each run, it is no constant without inputs either.
RANDOM = frozenset({"RandomNormal", "RandomUniform"})


@dataclass(frozen=True, eq=False)
class Cuts:
    """Where a model can be cut, and what lies behind.

    Nodes whose outputs are the same for all samples belong to whatever reads them, wherever they
    stand: ONNX Runtime folds them.

    Attributes:
        model: The model, its nodes in the order in which they run.
    """

    model: onnx.ModelProto
    _inputs: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        stored = {tensor.name for tensor in self.model.graph.initializer}
        own = frozenset(value.name for value in self.model.graph.input) - stored
        object.__setattr__(self, "_inputs", own)

    @property
    def first(self) -> int:
        """The place of the first node that depends on a sample; there is nothing to cut off."""
        return min(self._moving, default=len(self._nodes))

    def first_reader(self, names: Collection[str]) -> int:
        """Return the place of the first node that depends on a sample and on one of these weights.

        As many as there are nodes, if none does.
        """
        touched = set(names)
        for place, node in enumerate(self._nodes):
            if touched.isdisjoint(self._reads[place]):
                continue
            if place in self._moving:
                return place
            touched.update(node.output)
        return len(self._nodes)

    def live(self, place: int) -> frozenset[str] | None:
        """Return the tensors that nodes from a place on read of a sample and of nodes before it.

        None where the model cannot be cut: one of its outputs comes from before it.
        """
        before = set(self._inputs)
        for node in self._nodes[:place]:
            before.update(node.output)
        if before & self._outputs:
            return None
        behind = set[str]().union(
            *(reads for at, reads in enumerate(self._reads) if at >= place and at in self._moving)
        )
        return frozenset(before & self._varying & behind)

    def behind(self, place: int, live: Mapping[str, tuple[int, Shape]]) -> onnx.ModelProto:
        """Return the part of the model from a place on, with the live tensors as inputs.

        Args:
            place: Of the first node.
            live: ONNX's element type and the shape of each, None for lengths that vary.
        """
        import onnx

        kept, needed = list[onnx.NodeProto](), set(self._outputs)
        for at in range(len(self._nodes) - 1, -1, -1):
            node = self._nodes[at]
            if (at >= place or at not in self._moving) and not needed.isdisjoint(node.output):
                kept.append(node)
                needed.update(self._reads[at])
        graph = self.model.graph
        inputs = [value for value in graph.input if value.name in needed]
        known = {value.name for value in inputs}
        inputs += [
            onnx.helper.make_tensor_value_info(name, kind, shape)
            for name, (kind, shape) in live.items()
            if name not in known
        ]
        found = onnx.ModelProto()
        copy_fields(self.model, found, skip="graph")
        found.graph.CopyFrom(
            onnx.helper.make_graph(
                kept[::-1],
                graph.name,
                inputs,
                graph.output,
                [tensor for tensor in graph.initializer if tensor.name in needed],
            )
        )
        found.graph.sparse_initializer.extend(
            tensor for tensor in graph.sparse_initializer if tensor.values.name in needed
        )
        return found

    @cached_property
    def _nodes(self) -> list[onnx.NodeProto]:
        return list(self.model.graph.node)

    @cached_property
    def _outputs(self) -> set[str]:
        return {value.name for value in self.model.graph.output}

    @cached_property
    def _reads(self) -> list[frozenset[str]]:
        """What each node reads, in its bodies too."""
        return [frozenset(_reads(node)) for node in self._nodes]

    @cached_property
    def _moving(self) -> frozenset[int]:
        """The places of nodes whose outputs depend on the sample."""
        found, varying = set[int](), set(self._inputs)
        for place, node in enumerate(self._nodes):
            if node.op_type in RANDOM or not varying.isdisjoint(self._reads[place]):
                found.add(place)
                varying.update(node.output)
        return frozenset(found)

    @cached_property
    def _varying(self) -> frozenset[str]:
        """The tensors that depend on the sample."""
        outputs = (self._nodes[place].output for place in self._moving)
        return self._inputs.union(*outputs) - {""}


def element_type(array: AnyArray) -> int:
    """Return ONNX's number for the elements of an array."""
    import onnx

    return int(onnx.helper.np_dtype_to_tensor_dtype(array.dtype))


def common_shape(arrays: Sequence[AnyArray]) -> list[int | None]:
    """Return the shape of arrays of one rank, None for lengths that differ.

    Raises:
        ValueError: If they have several ranks.
    """
    if len({array.ndim for array in arrays}) > 1:
        raise ValueError("arrays of several ranks")
    lengths = np.array([array.shape for array in arrays]).reshape(len(arrays), -1)
    return [int(axis[0]) if (axis == axis[0]).all() else None for axis in lengths.T]


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for body in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from (value.name for value in body.output)
            for inner in body.node:
                yield from _reads(inner)
