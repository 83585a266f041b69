"""Find the channels of a graph that can be removed, and which of them only together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from zoo_compress.graph.channels import across, elementwise, joins, layout, products
from zoo_compress.graph.channels.groups import Channels, Member, components, group_units
from zoo_compress.graph.channels.tracker import STANDARD, Labels, Part, Tracker, Units, constant
from zoo_compress.graph.operator_set import operator_set

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
    tracker = Tracker(model, operator_set(model))
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
        groups=tuple(group_units(tracker, resolved, parents)),
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
