"""Units through operators that work along some axes: they stay where theirs is not among these."""

from __future__ import annotations

import onnx_ir as ir

from zoo_compress.graph.channels.tracker import Labels, Tracker, axes_of, constant

POOLS = (
    "AveragePool", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "LpPool", "MaxPool",
)  # fmt: skip
"""Operators that work along the axes after the second."""

REDUCTIONS = (
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
)  # fmt: skip
"""Operators that make one position of all along some axes."""

FIRST_SOFTMAX_OF_ONE_AXIS = 13
"""From this operator set on, Softmax works along one axis, before along all from one on."""


def pool(tracker: Tracker, node: ir.Node) -> None:
    """Keep the units of an axis before the spatial ones."""
    (given,) = tracker.known(node)
    if given.axis > 1:
        tracker.give_up(node, "moves over channels")
        return
    tracker.label(node.outputs[0], given.axis, given.rank, given.units)


def reduce(tracker: Tracker, node: ir.Node) -> None:
    """Keep units along an axis that is not reduced; declined where the axes are computed."""
    given = None if node.inputs[0] is None else tracker.labels.get(node.inputs[0])
    axes = axes_of(node, 1)
    if given is None or not axes or given.axis in {axis % given.rank for axis in axes}:
        tracker.give_up(node, "reduces over channels")
        return
    gone = {axis % given.rank for axis in axes}
    if node.attributes.get_int("keepdims", 1):
        tracker.label(node.outputs[0], given.axis, given.rank, given.units)
    else:
        axis = given.axis - sum(other < given.axis for other in gone)
        tracker.label(node.outputs[0], axis, given.rank - len(gone), given.units)


def softmax(tracker: Tracker, node: ir.Node) -> None:
    """Keep units along an axis that is not normalized over."""
    (given,) = tracker.known(node)
    one_axis = tracker.opset >= FIRST_SOFTMAX_OF_ONE_AXIS
    axis = node.attributes.get_int("axis", -1 if one_axis else 1) % given.rank
    if given.axis == axis or (not one_axis and given.axis > axis):
        tracker.give_up(node, "normalizes over channels")
        return
    tracker.label(node.outputs[0], given.axis, given.rank, given.units)


def layer_norm(tracker: Tracker, node: ir.Node) -> None:
    """Keep units along an axis before those that are normalized over."""
    given = None if node.inputs[0] is None else tracker.labels.get(node.inputs[0])
    if given is None or given.axis >= node.attributes.get_int("axis", -1) % given.rank:
        tracker.give_up(node, "normalizes over channels")
        return
    tracker.label(node.outputs[0], given.axis, given.rank, given.units)


def channel_norm(tracker: Tracker, node: ir.Node) -> None:
    """Keep the units of BatchNormalization and InstanceNormalization; their vectors follow.

    Declined where a vector is computed, or statistics of a batch are put out.
    """
    given = None if node.inputs[0] is None else tracker.labels.get(node.inputs[0])
    if given is None or given.axis != 1 or len(node.outputs) > 1 or not _vectors(node, given):
        tracker.give_up(node, "has statistics that are computed")
        return
    for index in range(1, len(node.inputs)):
        tracker.part(node, index, 0, given.units, "follows")
    tracker.label(node.outputs[0], given.axis, given.rank, given.units)


def resize(tracker: Tracker, node: ir.Node) -> None:
    """Keep units along an axis whose constant scale is 1; declined where lengths are given."""
    given = None if node.inputs[0] is None else tracker.labels.get(node.inputs[0])
    inputs = node.inputs
    # Upsample and the first Resize have the scales second, the later ones third.
    place = 1 if node.op_type == "Upsample" or tracker.opset < 11 else 2
    tensor = constant(inputs[place]) if len(inputs) > place else None
    scales = () if tensor is None else tensor.numpy().reshape(-1)
    sized = len(inputs) > 3 and inputs[3] is not None
    limited = "axes" in node.attributes
    if given is None or sized or limited or len(scales) != given.rank or scales[given.axis] != 1:
        tracker.give_up(node, "may resize along channels")
        return
    tracker.label(node.outputs[0], given.axis, given.rank, given.units)


def _vectors(node: ir.Node, given: Labels) -> bool:
    tensors = [constant(value) for value in node.inputs[1:]]
    return all(tensor is not None and tensor.size == len(given.units) for tensor in tensors)
