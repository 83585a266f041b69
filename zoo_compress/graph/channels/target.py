"""The new shape that a Reshape is given, constant or put together from lengths of other shapes."""

from __future__ import annotations

import onnx_ir as ir

from zoo_compress.graph.channels.tracker import constant, integers, lengths

PASSING = ("Cast", "Identity", "Squeeze", "Unsqueeze")
"""Operators between the length that is taken from a shape and the Concat that joins lengths."""


def target_entry(node: ir.Node, axis: int, *, source: int) -> str | None:
    """Say how the length of an axis stands in the new shape of a Reshape.

    Args:
        node: The Reshape.
        axis: The axis of its output.
        source: The axis of its input that the units lie along.

    Returns:
        `constant` in a constant, `piece` as a constant among those that a Concat joins, `derived`
        as 0 or -1, which need no change; None if it cannot be changed.
    """
    target = node.inputs[1]
    numbers = integers(target)
    if numbers is not None:
        if numbers[axis] == 0:
            return "derived" if axis == source else None
        return "derived" if numbers[axis] == -1 else "constant"
    joined = target.producer() if target is not None else None
    if joined is None or joined.op_type != "Concat" or not all(map(_one_number, joined.inputs)):
        return None
    piece = integers(joined.inputs[axis]) if axis < len(joined.inputs) else None
    if piece is None:
        return None
    if piece[0] == 0:
        return "derived" if axis == source else None
    return "derived" if piece[0] == -1 else "piece"


def target_lengths(node: ir.Node) -> list[int | str | None] | None:
    """Return the lengths of a Reshape's output, as far as they are known; None without a rank.

    Where the graph does not state them, a length that is taken from the shape of another value has
    the symbol that it has there.
    """
    stated = lengths(node.outputs[0])
    target = node.inputs[1]
    joined = None if target is None else target.producer()
    if joined is None or joined.op_type != "Concat" or not all(map(_one_number, joined.inputs)):
        return stated
    traced = [_traced(piece) for piece in joined.inputs]
    known = stated if stated is not None and len(stated) == len(traced) else [None] * len(traced)
    return [own if own is not None else other for own, other in zip(traced, known, strict=True)]


def _traced(piece: ir.Value | None) -> int | str | None:
    """Return the length that a piece of a new shape stands for; None if that is not known."""
    numbers = integers(piece)
    if numbers is not None:
        return numbers[0] if numbers[0] > 0 else None
    node = None if piece is None else piece.producer()
    while node is not None and node.op_type in PASSING:
        node = None if node.inputs[0] is None else node.inputs[0].producer()
    if node is None or node.op_type != "Gather" or node.inputs[0] is None:
        return None
    shape, place = node.inputs[0].producer(), integers(node.inputs[1])
    if shape is None or shape.op_type != "Shape" or shape.attributes or not place:
        return None
    source = None if shape.inputs[0] is None else lengths(shape.inputs[0])
    return None if source is None else source[place[0]]


def _one_number(value: ir.Value | None) -> bool:
    tensor = constant(value)
    shape = tensor.shape if tensor is not None else None if value is None else value.shape
    return shape is not None and len(shape) == 1 and shape[0] == 1
