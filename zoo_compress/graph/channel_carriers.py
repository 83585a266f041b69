"""Nodes without weights that hand channels on: what scales their inputs scales their outputs."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import onnx_ir as ir

from zoo_compress.graph.channel_flow import (
    FLOATS,
    Carried,
    ChannelFlow,
    Handler,
    constant_of,
    input_of,
    lengths_of,
)
from zoo_compress.graph.channel_layout import Layout
from zoo_compress.graph.channel_sets import Unscalable


def _same(flow: ChannelFlow, node: ir.Node) -> Carried:
    """Operators f with f(s x) = s f(x) for s > 0, element by element."""
    return [flow.layout(node)]


def _cast(flow: ChannelFlow, node: ir.Node) -> Carried:
    if node.attributes.get_int("to", 0) not in [int(kind) for kind in FLOATS]:
        raise Unscalable("rounds to whole numbers")
    return [flow.layout(node)]


def _clip(flow: ChannelFlow, node: ir.Node) -> Carried:
    """Clip at 0 or at nothing, as Relu does; not at 6."""
    limits = [node.attributes.get_float(name, math.inf) for name in ("min", "max")]
    for index in (1, 2):
        value = input_of(node, index)
        if value is not None:
            known = value.const_value
            limits.append(math.nan if known is None else float(known.numpy().reshape(-1)[0]))
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
    return [_without(layout, gone)]


def _without(layout: Layout, gone: set[int]) -> Layout:
    places = tuple(axis - sum(other < axis for other in gone) for axis in layout.axes)
    return Layout(layout.rank - len(gone), places, layout.numbers)


def _squeeze(flow: ChannelFlow, node: ir.Node) -> Carried:
    layout = flow.layout(node)
    axes = node.attributes.get_ints("axes", ()) or constant_of(input_of(node, 1)) or ()
    gone = {axis % layout.rank for axis in axes}
    if not gone or gone & set(layout.axes):
        raise Unscalable("removes axes that are not known, or that of channels")
    return [_without(layout, gone)]


def _unsqueeze(flow: ChannelFlow, node: ir.Node) -> Carried:
    layout = flow.layout(node)
    axes = node.attributes.get_ints("axes", ()) or constant_of(input_of(node, 1)) or ()
    rank = layout.rank + len(axes)
    new = {axis % rank for axis in axes}
    old = [axis for axis in range(rank) if axis not in new]
    return [Layout(rank, tuple(old[axis] for axis in layout.axes), layout.numbers)]


def _transpose(flow: ChannelFlow, node: ir.Node) -> Carried:
    layout = flow.layout(node)
    reverse = tuple(range(layout.rank))[::-1]
    return [layout.transposed(list(node.attributes.get_ints("perm", reverse)))]


def _reshape(flow: ChannelFlow, node: ir.Node) -> Carried:
    layout, value = flow.layout(node), node.inputs[0]
    return [layout.reshaped(lengths_of(value), lengths_of(node.outputs[0]))]


def _concat(flow: ChannelFlow, node: ir.Node) -> Carried:
    """Channels one after the other; tensors whose scale is fixed bring channels that are, too."""
    known = [flow.layouts.get(value) for value in node.inputs if value is not None]
    model = next((layout for layout in known if layout is not None), None)
    if model is None:
        raise Unscalable("reads tensors whose scale is fixed")
    axis = node.attributes.get_int("axis", 0) % model.rank
    if model.axes != (axis,):
        return _joined(flow, known)
    parts = []
    for value, layout in zip(node.inputs, known, strict=True):
        if layout is None:
            length = (lengths_of(value) or (None,) * model.rank)[axis]
            if length is None:
                raise Unscalable("reads a tensor of unknown shape")
            fixed = flow.sets.add(length)
            flow.sets.fix(fixed, flow.reason(value))
            parts.append(fixed)
        elif layout.axes != model.axes:
            raise Unscalable("reads channels that lie along other axes")
        else:
            parts.append(layout.numbers)
    return [Layout(model.rank, model.axes, np.concatenate(parts))]


def _joined(flow: ChannelFlow, layouts: list[Layout | None]) -> Carried:
    known = [layout for layout in layouts if layout is not None]
    same = {(layout.rank, layout.axes, layout.numbers.shape) for layout in known}
    if len(known) < len(layouts) or len(same) > 1:
        raise Unscalable("joins channels to others")
    for one, other in pairwise(known):
        flow.sets.join(one.numbers, other.numbers)
    return [known[0]]


def _split(flow: ChannelFlow, node: ir.Node) -> Carried:
    layout = flow.layout(node)
    axis = node.attributes.get_int("axis", 0) % layout.rank
    if axis not in layout.axes:
        return [layout for _ in node.outputs]
    place = layout.axes.index(axis)
    lengths = node.attributes.get_ints("split", ()) or constant_of(input_of(node, 1))
    length = layout.numbers.shape[place]
    each = -(-length // len(node.outputs))
    ends = np.cumsum(lengths or [each] * (len(node.outputs) - 1))
    parts = np.split(layout.numbers, ends[: len(node.outputs) - 1], axis=place)
    return [Layout(layout.rank, layout.axes, part) for part in parts]


def _slice(flow: ChannelFlow, node: ir.Node) -> Carried:
    layout = flow.layout(node)
    starts, ends = (
        list(node.attributes.get_ints(name, ())) or constant_of(input_of(node, index)) or []
        for index, name in ((1, "starts"), (2, "ends"))
    )
    default = list(range(len(starts)))
    axes = list(node.attributes.get_ints("axes", ())) or constant_of(input_of(node, 3)) or default
    steps = constant_of(input_of(node, 4)) or [1] * len(starts)
    cuts = [slice(None)] * layout.numbers.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if axis % layout.rank in layout.axes:
            if step < 0:
                raise Unscalable("reverses channels")
            cuts[layout.axes.index(axis % layout.rank)] = slice(start, end, step)
    return [Layout(layout.rank, layout.axes, np.ascontiguousarray(layout.numbers[tuple(cuts)]))]


def _pad(flow: ChannelFlow, node: ir.Node) -> Carried:
    """Zeros, or a tensor's own elements along other axes; channels of zeros may have any scale."""
    layout = flow.layout(node)
    mode = node.attributes.get_string("mode", "constant")
    pads = list(node.attributes.get_ints("pads", ())) or constant_of(input_of(node, 1)) or []
    fill = input_of(node, 2)
    value = node.attributes.get_float("value", 0.0)
    if fill is not None:
        value = math.nan if fill.const_value is None else float(fill.const_value.numpy().max())
    other_axes = input_of(node, 3) is not None or len(pads) != 2 * layout.rank
    if other_axes or min(pads) < 0 or (mode == "constant" and value != 0):
        raise Unscalable("pads with numbers that are not 0, or along axes that are not known")
    numbers = layout.numbers
    for place, axis in enumerate(layout.axes):
        around = (pads[axis], pads[layout.rank + axis])
        if any(around) and (mode != "constant" or numbers.ndim > 1):
            raise Unscalable("repeats channels")
        if any(around):
            zeros = [flow.sets.add(count) for count in around]
            numbers = np.concatenate([zeros[0], numbers, zeros[1]], axis=place)
    return [Layout(layout.rank, layout.axes, numbers)]


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
    **dict.fromkeys(("Flatten", "Reshape"), _reshape),
    **dict.fromkeys(("Shape", "Size"), _measure),
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "PRelu": _parametric_relu,
    "Pad": _pad,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""Operator -> where the channels of its outputs are."""
