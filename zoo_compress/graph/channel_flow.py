"""Follow the channels of a model from the weights that make them to the weights that read them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from zoo_compress.graph.channel_layout import Layout
from zoo_compress.graph.channel_sets import ChannelSets, Fixed, Numbers, Unscalable

STANDARD = ("", "ai.onnx")
FLOATS = (ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE)

READERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operators that multiply channels with weights and add them up."""

Carried = Sequence[Layout | None]
"""Layouts of the first outputs of a node; None for those whose scale is fixed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Use:
    """How the scales of channels change an initializer.

    Attributes:
        tensor: Its name.
        numbers: The channel of each element, broadcastable to its shape.
        reads: Whether it reads the channels, and is multiplied with their scales, or makes them,
            and is divided by these.
        outputs: Its axis of outputs, if it reads.
    """

    tensor: str
    numbers: Numbers
    reads: bool
    outputs: int = 0


@dataclass(eq=False)
class ChannelFlow:
    """What is known of the channels of a model, node after node.

    Attributes:
        model: The model.
        sets: Its channels.
        layouts: Where those of a tensor are; not of tensors whose scale is fixed.
        fixed: Why the scale of a tensor is fixed, where a node says so.
        uses: How scales would change initializers.
        declined: Weight -> why its inputs cannot be scaled, as far as a node says so.
    """

    model: ir.Model
    sets: ChannelSets = field(default_factory=ChannelSets)
    layouts: dict[ir.Value, Layout] = field(default_factory=dict)
    fixed: dict[ir.Value, str] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)
    declined: dict[str, str] = field(default_factory=dict)

    def layout(self, node: ir.Node, index: int = 0) -> Layout:
        """Return where the channels of an input of a node are.

        Raises:
            Fixed: If its scale is.
        """
        value = node.inputs[index]
        layout = None if value is None else self.layouts.get(value)
        if layout is None:
            raise Fixed(self.reason(value))
        return layout

    def reason(self, value: ir.Value | None) -> str:
        """Return why the scale of a tensor is fixed."""
        name = "" if value is None else value.name
        if value is None or value.is_initializer():
            return f"'{name}' is a constant"
        if value.is_graph_input():
            return f"'{name}' is an input of the model"
        return self.fixed.get(value, f"the scale of '{name}' is fixed")

    def own(self, value: ir.Value | None) -> ir.Value:
        """Return an initializer that can be changed because one node alone reads it.

        Raises:
            Unscalable: If it is another tensor, or tied, an input or output, or no float.
        """
        if value is None or value.const_value is None or not value.is_initializer():
            raise Unscalable("has a weight that is computed")
        if len(list(value.uses())) > 1:
            raise Unscalable("shares a weight with another node")
        if value.is_graph_input() or value.is_graph_output():
            raise Unscalable("has a weight that callers see")
        if value.dtype not in FLOATS:
            raise Unscalable("has a weight that is no float")
        return value

    def read(self, weight: ir.Value, numbers: Numbers, *, outputs: int) -> None:
        """Note which channel each element of a weight reads; broadcastable to its shape."""
        self.uses.append(
            Use(tensor=str(weight.name), numbers=numbers, reads=True, outputs=outputs)
        )

    def make(self, weight: ir.Value, numbers: Numbers) -> None:
        """Note which channel each element of a weight makes; broadcastable to its shape."""
        self.uses.append(Use(tensor=str(weight.name), numbers=numbers, reads=False))

    def shift(self, vector: ir.Value | None, layout: Layout) -> None:
        """Note that a constant is added to channels; one of zeros may have other readers.

        Raises:
            Unscalable: If it cannot be scaled with them.
        """
        if vector is None or vector.const_value is None or not vector.is_initializer():
            raise Unscalable("adds what is computed")
        overridable = vector.is_graph_input() or vector.is_graph_output()
        if overridable or np.any(vector.const_value.numpy()):
            self.make(self.own(vector), layout.spread(lengths_of(vector) or ()))


Handler = Callable[[ChannelFlow, ir.Node], Carried]
"""Returns where the channels of a node's outputs are, or raises `Unscalable`."""


def lengths_of(value: ir.Value | None) -> tuple[int | None, ...] | None:
    """Return the lengths of a tensor's axes, None where they are not known."""
    if value is None:
        return None
    shape = value.const_value.shape if value.const_value is not None else value.shape
    if shape is None:
        return None
    return tuple(length if isinstance(length, int) else None for length in shape)


def constant_of(value: ir.Value | None) -> list[int] | None:
    """Return the whole numbers of a constant; None where there is no such input.

    Raises:
        Unscalable: If they are computed.
    """
    if value is None:
        return None
    if value.const_value is None or value.is_graph_input():
        raise Unscalable("takes axes or positions that are computed")
    return [int(number) for number in np.asarray(value.const_value.numpy()).reshape(-1)]


def number_of(value: ir.Value) -> float:
    """Return the first number of a constant; NaN where it is computed or may be overridden."""
    if value.const_value is None or value.is_graph_input() or not value.const_value.size:
        return math.nan
    return float(value.const_value.numpy().reshape(-1)[0])


def input_of(node: ir.Node, index: int) -> ir.Value | None:
    """Return an input of a node; None where it is left out."""
    return node.inputs[index] if index < len(node.inputs) else None


def follow(model: ir.Model, handlers: Mapping[str, Handler]) -> ChannelFlow:
    """Follow channels through the main graph of a model.

    A node of an operator that has no handler, or that its handler declines, fixes the scale of
    all channels that it reads. So do nodes in the bodies of If, Loop and Scan, and being an
    output of the model.

    Args:
        model: Normalized, with the shapes of its tensors. It is not changed.
        handlers: By operator.
    """
    flow = ChannelFlow(model)
    for node in model.graph:
        try:
            carried = _handler(node, handlers)(flow, node)
        except Unscalable as decision:
            carried = _decline(flow, node, decision)
        for output, layout in zip(node.outputs, carried, strict=False):
            if layout is not None:
                flow.layouts[output] = layout
    _fix_what_others_see(flow)
    return flow


def _handler(node: ir.Node, handlers: Mapping[str, Handler]) -> Handler:
    handler = handlers.get(node.op_type) if node.domain in STANDARD else None
    if handler is None:
        raise Unscalable("is not positively homogeneous")
    return handler


def _decline(flow: ChannelFlow, node: ir.Node, decision: Unscalable) -> Carried:
    text = str(decision)
    if not isinstance(decision, Fixed):
        text = f"{node.op_type} '{node.name}' {decision}"
    for value in node.inputs:
        if value is None:
            continue
        if value in flow.layouts:
            flow.sets.fix(flow.layouts[value].numbers, text)
        if value.is_initializer() and node.op_type in READERS:
            flow.declined.setdefault(str(value.name), text)
    for output in node.outputs:
        flow.fixed[output] = text
    return ()


def _fix_what_others_see(flow: ChannelFlow) -> None:
    for value, layout in flow.layouts.items():
        if value.is_graph_output():
            flow.sets.fix(layout.numbers, f"'{value.name}' is an output of the model")
        elif any(node.graph is not flow.model.graph for node, _ in value.uses()):
            flow.sets.fix(layout.numbers, f"'{value.name}' is read in a body of If, Loop or Scan")
