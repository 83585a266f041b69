"""Nodes without weights that compute: what scales their input scales their output."""

from __future__ import annotations

import math

import onnx_ir as ir

from zoo_compress.graph.channel_flow import (
    Carried,
    ChannelFlow,
    Handler,
    constant_of,
    input_of,
    lengths_of,
    number_of,
)
from zoo_compress.graph.channel_layout import Layout
from zoo_compress.graph.channel_sets import Unscalable

WIDE = (int(ir.DataType.FLOAT), int(ir.DataType.DOUBLE))


def _same(flow: ChannelFlow, node: ir.Node) -> Carried:
    """Operators f with f(s x) = s f(x) for s > 0, element by element."""
    return [flow.layout(node)]


def _cast(flow: ChannelFlow, node: ir.Node) -> Carried:
    if node.attributes.get_int("to", 0) not in WIDE:
        raise Unscalable("rounds to a smaller type")
    return [flow.layout(node)]


def _clip(flow: ChannelFlow, node: ir.Node) -> Carried:
    """Clip at 0 or at nothing, as Relu does; not at 6."""
    limits = [node.attributes.get_float(name, math.inf) for name in ("min", "max")]
    for index in (1, 2):
        value = input_of(node, index)
        if value is not None:
            limits.append(number_of(value))
    if any(limit != 0 and not math.isinf(limit) for limit in limits):
        raise Unscalable("clips at a number that is not 0")
    return [flow.layout(node)]


def _pool(flow: ChannelFlow, node: ir.Node) -> Carried:
    """Pooling over the axes from the third on."""
    layout = flow.layout(node)
    if layout.axes != (1,):
        raise Unscalable("pools channels that lie along other axes")
    return [layout]


def _parametric_relu(flow: ChannelFlow, node: ir.Node) -> Carried:
    layout = flow.layout(node)
    if node.inputs[1] in flow.layouts:
        raise Unscalable("computes its slopes")
    return [layout]


def _sum(flow: ChannelFlow, node: ir.Node) -> Carried:
    """Add, Sub, Sum, Max, Min of channels with the same ones, or Add and Sub with a constant."""
    values = [value for value in node.inputs if value is not None]
    computed = [index for index, value in enumerate(values) if not value.is_initializer()]
    layouts = [flow.layout(node, index) for index in computed]
    if not layouts:
        raise Unscalable("reads constants only")
    rank = max(layout.rank for layout in layouts)
    first, *others = (layout.ranked(rank) for layout in layouts)
    for layout in others:
        if layout.axes != first.axes or layout.numbers.shape != first.numbers.shape:
            raise Unscalable("adds channels to other ones")
    constants = [value for value in values if value.is_initializer()]
    if constants and node.op_type in ("Max", "Min"):
        raise Unscalable("compares with a constant")
    for constant in constants:
        flow.shift(constant, first)
    for layout in others:
        flow.sets.join(first.numbers, layout.numbers)
    return [first]


def _product(flow: ChannelFlow, node: ir.Node) -> Carried:
    """Mul and Div by what has no channels; Mul by a vector makes some where there are none."""
    known = [index for index in (0, 1) if node.inputs[index] in flow.layouts]
    if not known and node.op_type == "Mul":
        return [_factor(flow, node)]
    if known != [0] and (known != [1] or node.op_type == "Div"):
        raise Unscalable("multiplies channels with each other, or divides by them")
    layout, other = flow.layout(node, known[0]), lengths_of(node.inputs[1 - known[0]])
    if other is None:
        raise Unscalable("multiplies with a tensor of unknown rank")
    layout = layout.ranked(max(layout.rank, len(other)))
    for axis, length in zip(layout.axes, layout.numbers.shape, strict=True):
        place = axis - layout.rank + len(other)
        if length == 1 and place >= 0 and other[place] != 1:
            raise Unscalable("repeats a channel")
    return [layout]


def _factor(flow: ChannelFlow, node: ir.Node) -> Layout:
    """Return the channels that a vector makes, as the factor of a normalization does."""
    constants = [index for index in (0, 1) if _is_constant(node.inputs[index])]
    if len(constants) != 1:
        raise Unscalable("multiplies two tensors whose scales are fixed")
    vector = flow.own(node.inputs[constants[0]])
    shape = [length or 0 for length in lengths_of(vector) or ()]
    data = lengths_of(node.inputs[1 - constants[0]])
    long = [axis for axis, length in enumerate(shape) if length != 1]
    if data is None or len(long) != 1 or len(shape) > len(data):
        raise Unscalable("multiplies with no vector")
    layout = Layout(len(data), (long[0] + len(data) - len(shape),), flow.sets.add(shape[long[0]]))
    flow.make(vector, layout.spread(shape))
    return layout


def _is_constant(value: ir.Value | None) -> bool:
    return value is not None and value.is_initializer()


def _reduce(flow: ChannelFlow, node: ir.Node) -> Carried:
    """Sums, means and extremes over other axes than those of channels."""
    layout = flow.layout(node)
    axes = node.attributes.get_ints("axes", ()) or constant_of(input_of(node, 1)) or ()
    gone = {axis % layout.rank for axis in axes}
    if not gone and node.attributes.get_int("noop_with_empty_axes", False):
        return [layout]
    if not gone or gone & set(layout.axes):
        raise Unscalable("sums over channels")
    if node.attributes.get_int("keepdims", 1):
        return [layout]
    return [layout.without(gone)]


def _measure(flow: ChannelFlow, node: ir.Node) -> Carried:
    """Shape and Size, which look at no element."""
    flow.fixed[node.outputs[0]] = f"{node.op_type} '{node.name}' gives no channels"
    return []


CARRIERS: dict[str, Handler] = {
    **dict.fromkeys(("Abs", "Dropout", "Identity", "LeakyRelu", "Neg", "Relu"), _same),
    **dict.fromkeys(("AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"), _pool),
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"), _reduce),
    **dict.fromkeys(("Add", "Max", "Min", "Sub", "Sum"), _sum),
    **dict.fromkeys(("Div", "Mul"), _product),
    **dict.fromkeys(("Shape", "Size"), _measure),
    "Cast": _cast,
    "Clip": _clip,
    "PRelu": _parametric_relu,
}
"""Operator -> where the channels of its output are."""
