"""Find the channels of a graph that can be removed, and which of them only together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from zoo_compress.graph.channels import across, elementwise, joins, layout, products
from zoo_compress.graph.channels.tracker import (
    STANDARD,
    Labels,
    Part,
    Role,
    Tracker,
    Units,
    constant,
)

Handler = Callable[[Tracker, ir.Node], None]

HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(elementwise.UNARY, elementwise.pass_on),
    **dict.fromkeys(elementwise.BROADCASTING, elementwise.broadcast),
    **dict.fromkeys(across.POOLS, across.pool),
    **dict.fromkeys(across.REDUCTIONS, across.reduce),
    "BatchNormalization": across.channel_norm,
    "Concat": joins.concat,
    "Flatten": layout.flatten,
    "InstanceNormalization": across.channel_norm,
    "LayerNormalization": across.layer_norm,
    "LogSoftmax": across.softmax,
    "Pad": joins.pad,
    "Reshape": layout.reshape,
    "Resize": across.resize,
    "Shape": layout.read_shape,
    "Slice": joins.cut,
    "Softmax": across.softmax,
    "Split": joins.split,
    "Squeeze": layout.squeeze,
    "Transpose": layout.transpose,
    "Unsqueeze": layout.unsqueeze,
    "Upsample": across.resize,
}
"""Operator -> what follows units through it, where an input has some."""

BEGINNINGS: Mapping[str, Handler] = {
    "Conv": products.convolve,
    "ConvTranspose": products.convolve,
    "Gemm": products.gemm,
    "MatMul": products.matmul,
}
"""Operators that compute channels of their own, whatever their inputs are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """An axis of an initializer that loses positions with units.

    Attributes:
        name: The initializer.
        node: The node that reads it there.
        index: Which of its inputs it is.
        axis: The axis.
        units: The unit of each position.
        role: What the axis does.
    """

    name: str
    node: ir.Node
    index: int
    axis: int
    units: Units
    role: Role


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Units that the same nodes compute, or that meet in sums.

    Attributes:
        name: The first weight that computes them.
        kind: `heads` for blocks of a product of activations, else `channels`.
        units: Its units, in the order of the first weight's outputs.
        reason: Why none of them can be removed; None if they can.
    """

    name: str
    kind: str
    units: Units
    reason: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Channels:
    """The units of a model.

    Attributes:
        groups: All groups, in the order of the graph.
        members: Axes of initializers with units along them.
        labels: Values of the graph -> the units along one of their axes.
        bytes: Bytes of the positions that go with each unit, shape (units,). A weight counts for
            the units of its inputs and for those of its outputs, as if each went alone.
    """

    groups: tuple[Group, ...]
    members: tuple[Member, ...]
    labels: Mapping[ir.Value, Labels]
    bytes: npt.NDArray[np.int64]

    @property
    def removable(self) -> tuple[Group, ...]:
        """The groups whose units can be removed."""
        return tuple(group for group in self.groups if group.reason is None)

    def rows(self) -> Iterator[Units]:
        """Yield the units that lie side by side in some tensor, which must not lose all."""
        yield from (member.units for member in self.members)
        yield from (labels.units for labels in self.labels.values())


def find_channels(model: ir.Model) -> Channels:
    """Follow the channels that Conv, ConvTranspose, Gemm and MatMul compute through the graph.

    Channels that meet position by position, in residual sums and products, belong together; so do
    blocks that a Reshape splits off, such as attention heads. A unit is what can only be removed
    as a whole. If the weights that read a unit were zero at its positions, nothing would change by
    removing it.

    None of a group can be removed where one is an output of the graph, is read in the body of an
    If, Loop or Scan, is read by an operator that is not understood (see the handlers), or lies in
    a constant that something else reads in another way; its reason says which.

    Args:
        model: Normalized, its weights loaded, shapes of values known. It is not changed.
    """
    tracker = Tracker(model, model.opset_imports.get("", model.opset_imports.get("ai.onnx", 1)))
    for node in model.graph:
        _follow(tracker, node)
    _freeze_outside(tracker)
    members = _members(tracker)
    parents = components(tracker.count, tracker.couples)
    resolved = [_resolved(member, parents) for member in members]
    labels = {
        value: Labels(axis=found.axis, rank=found.rank, units=parents[found.units])
        for value, found in tracker.labels.items()
    }
    return Channels(
        groups=tuple(_groups(tracker, resolved, parents)),
        members=tuple(resolved),
        labels=labels,
        bytes=_bytes(model, resolved, tracker.count),
    )


def _follow(tracker: Tracker, node: ir.Node) -> None:
    standard = node.domain in STANDARD
    if standard and node.op_type in BEGINNINGS:
        BEGINNINGS[node.op_type](tracker, node)
    elif tracker.known(node):
        handler = HANDLERS.get(node.op_type) if standard else None
        if handler is None:
            tracker.give_up(node, "is not understood")
        else:
            handler(tracker, node)


def _freeze_outside(tracker: Tracker) -> None:
    """Freeze what leaves the graph, or is read in bodies."""
    for value, labels in tracker.labels.items():
        if value.is_graph_output():
            tracker.freeze(f"'{value.name}' is an output of the graph", [labels.units])
        for reader, _ in value.uses():
            if reader.graph is not tracker.model.graph:
                where = f"'{value.name}' is read in the body of an If, Loop or Scan"
                tracker.freeze(where, [labels.units])


def _members(tracker: Tracker) -> list[Member]:
    """Name the initializers of parts, and hold the uses of those with several against each other.

    A weight that several nodes read keeps one shape: their units are coupled. Vectors, of which
    equal ones may have been merged by chance, get a copy for each use that needs one.
    """
    found: dict[tuple[str, int], list[Part]] = {}
    for part in tracker.parts:
        value = part.node.inputs[part.index]
        assert value is not None
        found.setdefault((str(value.name), part.axis), []).append(part)
    for (name, axis), parts in found.items():
        value = tracker.model.graph.initializers[name]
        units = [part.units for part in parts]
        if value.is_graph_output():
            tracker.freeze(f"'{name}' is an output of the graph", units)
        if not _is_vector(value):
            _tie(tracker, value, axis, parts)
    return [
        Member(
            name=name,
            node=part.node,
            index=part.index,
            axis=part.axis,
            units=part.units,
            role=part.role,
        )
        for (name, _), parts in found.items()
        for part in parts
    ]


def _tie(tracker: Tracker, value: ir.Value, axis: int, parts: list[Part]) -> None:
    seen = {(part.node, part.index) for part in parts}
    if seen != set(value.uses()):
        tracker.freeze(
            f"'{value.name}' is read in another way as well", [part.units for part in parts]
        )
        return
    for part in parts[1:]:
        tracker.couple(parts[0].units, part.units)


def _is_vector(value: ir.Value) -> bool:
    tensor = constant(value)
    return tensor is not None and tensor.size == max(tensor.shape.numpy(), default=1)


def _resolved(member: Member, parents: Units) -> Member:
    return Member(
        name=member.name,
        node=member.node,
        index=member.index,
        axis=member.axis,
        units=parents[member.units],
        role=member.role,
    )


def components(count: int, couples: list[tuple[Units, Units]]) -> Units:
    """Return for each unit the first of those that it is coupled with, directly or not.

    Args:
        count: How many units there are.
        couples: Pairs of arrays of units, coupled position by position.
    """
    if not count:
        return np.zeros(0, np.int64)
    ones = np.concatenate([one for one, _ in couples] or [np.zeros(0, np.int64)])
    others = np.concatenate([other for _, other in couples] or [np.zeros(0, np.int64)])
    edges = coo_array((np.ones(len(ones), np.int8), (ones, others)), shape=(count, count))
    _, component = connected_components(edges, directed=False)
    first = np.full(component.max() + 1, count, np.int64)
    np.minimum.at(first, component, np.arange(count))
    parents: Units = first[component]
    return parents


def _groups(tracker: Tracker, members: list[Member], parents: Units) -> Iterator[Group]:
    produced = [member for member in members if member.role == "produces"]
    couples = [(m.units, np.broadcast_to(m.units[:1], m.units.shape)) for m in produced]
    owner = components(tracker.count, couples)
    reasons: dict[int, str] = {}
    for units, reason in tracker.frozen:
        for group in np.unique(owner[parents[units]]):
            reasons.setdefault(int(group), reason)
    heads = {int(owner[parents[unit]]) for units in tracker.heads for unit in units}
    seen = set[int]()
    for member in produced:
        group = int(owner[member.units[0]]) if len(member.units) else -1
        if group in seen or group < 0:
            continue
        seen.add(group)
        own = [m.units for m in produced if len(m.units) and owner[m.units[0]] == group]
        units = np.array(list(dict.fromkeys(np.concatenate(own).tolist())), np.int64)
        kind = "heads" if group in heads else "channels"
        yield Group(name=member.name, kind=kind, units=units, reason=reasons.get(group))


def _bytes(model: ir.Model, members: list[Member], count: int) -> npt.NDArray[np.int64]:
    """Return the bytes that go with each unit; a tied weight counts once."""
    total = np.zeros(count, np.int64)
    counted = set[tuple[str, int]]()
    for member in members:
        tensor = model.graph.initializers[member.name].const_value
        if (member.name, member.axis) in counted or tensor is None or not len(member.units):
            continue
        counted.add((member.name, member.axis))
        np.add.at(total, member.units, tensor.nbytes // len(member.units))
    return total
