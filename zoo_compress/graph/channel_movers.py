"""Nodes that move elements and compute nothing: where they put the channels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
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


def _squeeze(flow: ChannelFlow, node: ir.Node) -> Carried:
    layout = flow.layout(node)
    axes = node.attributes.get_ints("axes", ()) or constant_of(input_of(node, 1)) or ()
    gone = {axis % layout.rank for axis in axes}
    if not gone or gone & set(layout.axes):
        raise Unscalable("removes axes that are not known, or that of channels")
    return [layout.without(gone)]


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
        value = number_of(fill)
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


MOVERS: dict[str, Handler] = {
    "Concat": _concat,
    "Flatten": _reshape,
    "Pad": _pad,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""Operator -> where the channels of its outputs are."""
