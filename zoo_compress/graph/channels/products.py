"""Units through the operators that multiply with weights and sum."""

from __future__ import annotations

import onnx_ir as ir

from zoo_compress.graph.channels.tracker import Labels, Tracker, Units, constant, lengths


def convolve(tracker: Tracker, node: ir.Node) -> None:
    """Read the units of the input with a kernel and number those of the output.

    A depthwise kernel (one input channel to each group) keeps them, a multiple of outputs to each.
    Conv has its outputs along axis 0 of the kernel, ConvTranspose along axis 1. Declined: kernels
    that are no constants, and other numbers of groups.
    """
    data, kernel = node.inputs[0], constant(node.inputs[1])
    given = None if data is None else tracker.labels.get(data)
    if kernel is None or (given is not None and given.axis != 1):
        tracker.give_up(node, "has a kernel that is computed, or moves it over channels")
        return
    shape = [int(length) for length in kernel.shape.numpy()]
    groups = node.attributes.get_int("group", 1)
    if groups > 1:
        _convolve_groups(tracker, node, given, shape, groups)
        return
    inward, outward = (1, 0) if node.op_type == "Conv" else (0, 1)
    if given is not None:
        tracker.part(node, 1, inward, given.units, "reads")
    units = tracker.fresh(shape[outward])
    tracker.part(node, 1, outward, units, "produces")
    _bias(tracker, node, 2, units)
    tracker.label(node.outputs[0], 1, len(shape), units)


def _convolve_groups(
    tracker: Tracker, node: ir.Node, given: Labels | None, shape: list[int], groups: int
) -> None:
    depthwise = shape[1] == 1 if node.op_type == "Conv" else shape[0] == groups
    if given is None:
        return
    multiple = shape[0] // groups if node.op_type == "Conv" else shape[1]
    if not depthwise or len(given.units) != groups or (node.op_type != "Conv" and multiple != 1):
        tracker.give_up(node, f"has {groups} groups of several channels")
        return
    units = given.units.repeat(multiple)
    tracker.part(node, 1, 0, units, "follows")
    _bias(tracker, node, 2, units)
    tracker.label(node.outputs[0], 1, len(shape), units)


def gemm(tracker: Tracker, node: ir.Node) -> None:
    """Read the units along the columns of the first matrix and number those of the product.

    Declined: a first matrix that is transposed or has units along its rows, a second one that is
    no constant.
    """
    data, weight = node.inputs[0], constant(node.inputs[1])
    given = None if data is None else tracker.labels.get(data)
    transposed = bool(node.attributes.get_int("transA", 0))
    if weight is None or transposed or (given is not None and given.axis != 1):
        tracker.give_up(node, "multiplies other than rows of channels with a constant matrix")
        return
    outward = 0 if node.attributes.get_int("transB", 0) else 1
    if given is not None:
        tracker.part(node, 1, 1 - outward, given.units, "reads")
    units = tracker.fresh(int(weight.shape.numpy()[outward]))
    tracker.part(node, 1, outward, units, "produces")
    _bias(tracker, node, 2, units)
    tracker.label(node.outputs[0], 1, 2, units)


def matmul(tracker: Tracker, node: ir.Node) -> None:
    """Read units along the last axis with a matrix and number those of the product.

    Units along an earlier axis of a product with a matrix stay. So do those along the same axis
    of two activations that are multiplied matrix by matrix, which couples them: attention heads.
    There, one activation may be the same for all. Declined: everything else.
    """
    first, second = node.inputs[0], node.inputs[1]
    if first is None or second is None:
        return
    given, weight = tracker.labels.get(first), constant(second)
    if weight is not None and len(weight.shape) == 2:
        _matmul_constant(tracker, node, given, first)
    elif tracker.known(node):
        _matmul_blocks(tracker, node, given, tracker.labels.get(second))


def _matmul_constant(
    tracker: Tracker, node: ir.Node, given: Labels | None, data: ir.Value
) -> None:
    shape = lengths(data)
    rank = given.rank if given is not None else len(shape or ())
    if given is not None and given.axis != rank - 1:
        tracker.label(node.outputs[0], given.axis, rank, given.units)
        return
    # A vector loses its only axis, and the product of an unknown rank has no known last one.
    if rank < 2:
        tracker.give_up(node, "multiplies a vector")
        return
    if given is not None:
        tracker.part(node, 1, 0, given.units, "reads")
    weight = node.inputs[1]
    assert weight is not None
    assert weight.const_value is not None
    units = tracker.fresh(int(weight.const_value.shape.numpy()[1]))
    tracker.part(node, 1, 1, units, "produces")
    tracker.label(node.outputs[0], rank - 1, rank, units)


def _matmul_blocks(
    tracker: Tracker, node: ir.Node, one: Labels | None, other: Labels | None
) -> None:
    values = [value for value in node.inputs if value is not None]
    for labels, opposite in zip((one, other), reversed(values), strict=True):
        if labels is None:
            continue
        shape = lengths(opposite)
        along = None if shape is None or len(shape) != labels.rank else shape[labels.axis]
        shared = opposite not in tracker.labels and along == 1
        facing = tracker.labels.get(opposite)
        coupled = facing is not None and (facing.axis, facing.rank, len(facing.units)) == (
            labels.axis,
            labels.rank,
            len(labels.units),
        )
        if labels.axis >= labels.rank - 2 or not (shared or coupled):
            tracker.give_up(node, "multiplies channels with something else than a constant matrix")
            return
    known = tracker.known(node)
    for labels in known[1:]:
        tracker.couple(known[0].units, labels.units)
    tracker.heads.append(known[0].units)
    tracker.label(node.outputs[0], known[0].axis, known[0].rank, known[0].units)


def _bias(tracker: Tracker, node: ir.Node, index: int, units: Units) -> None:
    """Let a bias lose positions with the outputs; one that is no constant freezes them."""
    if len(node.inputs) <= index or node.inputs[index] is None:
        return
    tensor = constant(node.inputs[index])
    if tensor is None:
        tracker.freeze(f"{node.op_type} '{node.name}' has a bias that is computed", [units])
        tracker.give_up(node, "has a bias that is computed")
    elif tensor.shape and int(tensor.shape.numpy()[-1]) == len(units):
        tracker.part(node, index, len(tensor.shape) - 1, units, "follows")
    elif tensor.size != 1:
        tracker.freeze(f"{node.op_type} '{node.name}' has a bias of another shape", [units])
