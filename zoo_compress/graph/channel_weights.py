"""Nodes with weights: they read the channels of one tensor and make those of another."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from zoo_compress.graph.channel_flow import (
    Carried,
    ChannelFlow,
    Handler,
    input_of,
    lengths_of,
)
from zoo_compress.graph.channel_layout import Layout
from zoo_compress.graph.channel_sets import Numbers, Unscalable


def _conv(flow: ChannelFlow, node: ir.Node) -> Carried:
    """Conv: reads axis 1 of its data, in groups, and makes axis 1 of its output."""
    weight, shape = _weight(flow, node)
    read = _read_along(flow, node, 1)
    if read is not None:
        groups = node.attributes.get_int("group", 1)
        inputs = read.reshape(groups, 1, shape[1])
        rows = np.broadcast_to(inputs, (groups, shape[0] // groups, shape[1]))
        flow.read(weight, rows.reshape(*shape[:2], *(1 for _ in shape[2:])), outputs=0)
    return [_made(flow, node, weight, 0, Layout(len(shape), (1,), flow.sets.add(shape[0])))]


def _transposed_conv(flow: ChannelFlow, node: ir.Node) -> Carried:
    """ConvTranspose: reads axis 1 of its data, axis 0 of its weight; makes axis 1 of its output.

    That is axis 1 of the weight too, of which each group has its own.
    """
    weight, shape = _weight(flow, node)
    read = _read_along(flow, node, 1)
    if read is not None:
        flow.read(weight, read.reshape(-1, *(1 for _ in shape[1:])), outputs=1)
    if node.attributes.get_int("group", 1) > 1:
        flow.fixed[node.outputs[0]] = f"ConvTranspose '{node.name}' has groups"
        return []
    return [_made(flow, node, weight, 1, Layout(len(shape), (1,), flow.sets.add(shape[1])))]


def _gemm(flow: ChannelFlow, node: ir.Node) -> Carried:
    """Gemm with its second matrix as the weight and the first not transposed."""
    if node.attributes.get_int("transA", 0):
        raise Unscalable("transposes its data")
    weight, shape = _weight(flow, node)
    outputs = 0 if node.attributes.get_int("transB", 0) else 1
    read = _read_along(flow, node, 1)
    if read is not None:
        flow.read(weight, np.expand_dims(read, outputs), outputs=outputs)
    return [_made(flow, node, weight, outputs, Layout(2, (1,), flow.sets.add(shape[outputs])))]


def _matmul(flow: ChannelFlow, node: ir.Node) -> Carried:
    """MatMul with a weight of two axes on its right, or of two tensors that are computed.

    A product of computed tensors hands on channels that it does not sum over, if the other
    tensor has none: those of the values that attention mixes.
    """
    left, right = node.inputs
    if left is None or right is None or left.is_initializer():
        raise Unscalable("has its weight on the left")
    if not right.is_initializer():
        return [_product(flow, node)]
    weight, shape = _weight(flow, node)
    lengths = lengths_of(left)
    if len(shape) != 2 or lengths is None or len(lengths) < 2:
        raise Unscalable("is not of rows of data and a matrix")
    last = len(lengths) - 1
    read = _read_along(flow, node, last)
    if read is not None:
        flow.read(weight, read[:, None], outputs=1)
    return [_made(flow, node, weight, 1, Layout(last + 1, (last,), flow.sets.add(shape[1])))]


def _product(flow: ChannelFlow, node: ir.Node) -> Layout:
    known = [index for index in (0, 1) if node.inputs[index] in flow.layouts]
    if len(known) != 1:
        raise Unscalable("multiplies two tensors whose scales are not known")
    layout, other = flow.layout(node, known[0]), lengths_of(node.inputs[1 - known[0]])
    if other is None or len(other) != layout.rank:
        raise Unscalable("multiplies tensors of other ranks")
    if (layout.rank - 1 if known[0] == 0 else layout.rank - 2) in layout.axes:
        raise Unscalable("sums over channels")
    for axis, length in zip(layout.axes, layout.numbers.shape, strict=True):
        if axis < layout.rank - 2 and other[axis] not in (1, length):
            raise Unscalable("multiplies tensors of other lengths")
    return layout


def _layer_normalization(flow: ChannelFlow, node: ir.Node) -> Carried:
    """LayerNormalization over the last axis: its factor and its bias make the channels."""
    _keep_input(flow, node)
    lengths = lengths_of(node.inputs[0])
    if lengths is None or node.attributes.get_int("axis", -1) not in (-1, len(lengths) - 1):
        raise Unscalable("normalizes over other axes than the last")
    return [_affine(flow, node, len(lengths), len(lengths) - 1)]


def _channel_normalization(flow: ChannelFlow, node: ir.Node) -> Carried:
    """BatchNormalization, InstanceNormalization: factor and bias make the channels of axis 1."""
    _keep_input(flow, node)
    lengths = lengths_of(node.inputs[0])
    if lengths is None or len(lengths) < 2:
        raise Unscalable("reads a tensor of unknown rank")
    return [_affine(flow, node, len(lengths), 1)]


def _affine(flow: ChannelFlow, node: ir.Node, rank: int, axis: int) -> Layout:
    factor = flow.own(input_of(node, 1))
    shape = lengths_of(factor) or ()
    if len(shape) != 1:
        raise Unscalable("has a factor of several axes")
    layout = Layout(rank, (axis,), flow.sets.add(shape[0] or 0))
    flow.make(factor, layout.numbers)
    if input_of(node, 2) is not None:
        flow.shift(node.inputs[2], Layout(1, (0,), layout.numbers))
    return layout


def _keep_input(flow: ChannelFlow, node: ir.Node) -> None:
    value = node.inputs[0]
    if value is not None and value in flow.layouts:
        numbers = flow.layouts[value].numbers
        flow.sets.fix(numbers, f"{node.op_type} '{node.name}' normalizes them together")


def _weight(flow: ChannelFlow, node: ir.Node) -> tuple[ir.Value, tuple[int, ...]]:
    weight = flow.own(input_of(node, 1))
    shape = tuple(length for length in lengths_of(weight) or () if length is not None)
    if len(shape) < 2 or 0 in shape:
        raise Unscalable("has an empty weight or a vector as its weight")
    return weight, shape


def _read_along(flow: ChannelFlow, node: ir.Node, axis: int) -> Numbers | None:
    """Return the channels along an axis of the data; None, for a reason, if they are fixed."""
    value, weight = node.inputs[0], node.inputs[1]
    layout = None if value is None else flow.layouts.get(value)
    if layout is None:
        flow.declined[str(weight.name if weight else "")] = flow.reason(value)
        return None
    if layout.axes != (axis,):
        raise Unscalable("reads channels that lie along other axes")
    return layout.numbers


def _made(
    flow: ChannelFlow, node: ir.Node, weight: ir.Value, axis: int, layout: Layout
) -> Layout | None:
    """Note that a weight and a bias make channels; None, for a reason, if the bias cannot."""
    bias = input_of(node, 2)
    try:
        if bias is not None:
            flow.shift(bias, layout if node.op_type == "Gemm" else Layout(1, (0,), layout.numbers))
    except Unscalable as decision:
        flow.fixed[node.outputs[0]] = f"{node.op_type} '{node.name}' {decision}"
        return None
    shape = [1] * len(lengths_of(weight) or ())
    shape[axis] = -1
    flow.make(weight, layout.numbers.reshape(shape))
    return layout


WEIGHTS: dict[str, Handler] = {
    "BatchNormalization": _channel_normalization,
    "Conv": _conv,
    "ConvTranspose": _transposed_conv,
    "Gemm": _gemm,
    "InstanceNormalization": _channel_normalization,
    "LayerNormalization": _layer_normalization,
    "MatMul": _matmul,
}
"""Operator -> how it reads and makes channels."""
