"""Units through operators that treat each position by itself."""

from __future__ import annotations

import onnx_ir as ir

from zoo_compress.graph.channels.tracker import Labels, Tracker, constant, lengths

UNARY = (
    "Abs", "Cast", "Ceil", "Celu", "Clip", "Cos", "Dropout", "Elu", "Erf", "Exp", "Floor",
    "Gelu", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Log", "Mish", "Neg",
    "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Softplus", "Softsign",
    "Sqrt", "Swish", "Tanh", "ThresholdedRelu",
)  # fmt: skip
"""Operators whose first output has at each position what they make of their first input there."""

BROADCASTING = (
    "Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max",
    "Mean", "Min", "Mul", "Or", "PRelu", "Pow", "Sub", "Sum", "Where",
)  # fmt: skip
"""Operators whose inputs are broadcast to one shape, and then are treated position by position."""


def pass_on(tracker: Tracker, node: ir.Node) -> None:
    """Give the output the units of the first input; limits and rates are constants of one element.

    Declined where units are along another input.
    """
    first = None if node.inputs[0] is None else tracker.labels.get(node.inputs[0])
    if first is None or len(tracker.known(node)) > 1:
        tracker.give_up(node, "has channels for its settings")
        return
    tracker.label(node.outputs[0], first.axis, first.rank, first.units)


def broadcast(tracker: Tracker, node: ir.Node) -> None:
    """Couple what meets position by position; constants along the axis lose positions with it.

    Inputs with one position along the axis are the same for all of them. Declined where the
    inputs have units along different axes or in different numbers, and where another input has
    several positions there, or an unknown number, that belong to no unit.
    """
    labelled = tracker.known(node)
    first = labelled[0]
    same = {(labels.from_end, len(labels.units)) for labels in labelled}
    others = [value for value in node.inputs if value is not None and value not in tracker.labels]
    # A single channel may be broadcast to many.
    unclear = [v.name for v in others if not _fits(v, first)]
    if len(same) > 1 or unclear:
        why = f"takes '{unclear[0]}', which has no such channels" if unclear else "mixes channels"
        tracker.give_up(node, why)
        return
    for labels in labelled[1:]:
        tracker.couple(first.units, labels.units)
    for index, value in enumerate(node.inputs):
        tensor = constant(value)
        if tensor is not None and _length(value, first) not in (None, 1):
            axis = len(tensor.shape) + first.from_end
            tracker.part(node, index, axis, first.units, "follows")
    rank = max(_rank(value, tracker) for value in node.inputs if value is not None)
    tracker.label(node.outputs[0], rank + first.from_end, rank, first.units)


def _fits(value: ir.Value, labels: Labels) -> bool:
    """Tell whether an input without units has one position along the axis, or many constants."""
    if value.shape is None:
        return False
    length = _length(value, labels)
    several = length == len(labels.units) and constant(value) is not None
    return length in (None, 1) or several


def _length(value: ir.Value | None, labels: Labels) -> int | str | None:
    """Return how many positions a value has along an axis; None if it has no such axis."""
    shape = None if value is None else lengths(value)
    if shape is None or len(shape) < -labels.from_end:
        return None
    found = shape[labels.from_end]
    return "?" if found is None else found


def _rank(value: ir.Value, tracker: Tracker) -> int:
    known = tracker.labels.get(value)
    return known.rank if known is not None else len(lengths(value) or ())
