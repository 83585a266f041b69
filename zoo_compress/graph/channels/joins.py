"""Units through operators that put tensors together or take them apart."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from zoo_compress.graph.channels.tracker import (
    Labels,
    Tracker,
    Units,
    axes_of,
    integers,
    lengths,
)


def concat(tracker: Tracker, node: ir.Node) -> None:
    """Put the units of inputs joined along their axis side by side; couple them along others.

    What has no units but a known length stays as it is. Declined where the inputs have units along
    different axes, or are joined along another axis than theirs with something that has none.
    """
    known = tracker.known(node)
    first = known[0]
    axis = node.attributes.get_int("axis") % first.rank
    if any((labels.axis, labels.rank) != (first.axis, first.rank) for labels in known):
        tracker.give_up(node, "joins tensors with channels along different axes")
        return
    if axis == first.axis:
        pieces = [_piece(tracker, value, axis) for value in node.inputs]
        if None in [None if piece is None else len(piece) for piece in pieces]:
            tracker.give_up(node, "joins channels with an unknown number of others")
            return
        units = np.concatenate([piece for piece in pieces if piece is not None])
        tracker.label(node.outputs[0], axis, first.rank, units)
        return
    if len(known) < len(node.inputs) or len({len(labels.units) for labels in known}) > 1:
        tracker.give_up(node, "joins channels with something that has none")
        return
    for labels in known[1:]:
        tracker.couple(first.units, labels.units)
    tracker.label(node.outputs[0], first.axis, first.rank, first.units)


def _piece(tracker: Tracker, value: ir.Value | None, axis: int) -> Units | None:
    if value is None:
        return None
    labels = tracker.labels.get(value)
    if labels is not None:
        return labels.units
    shape = lengths(value)
    length = None if shape is None else shape[axis]
    if not isinstance(length, int):
        return None
    units = tracker.fresh(length)
    tracker.freeze(f"'{value.name}' is not understood", [units])
    return units


def split(tracker: Tracker, node: ir.Node) -> None:
    """Give each output its share of the units; declined where the shares are computed."""
    given = None if node.inputs[0] is None else tracker.labels.get(node.inputs[0])
    if given is None:
        tracker.give_up(node, "takes the sizes of its parts from channels")
        return
    axis = node.attributes.get_int("axis", 0) % given.rank
    if axis != given.axis:
        for output in node.outputs:
            tracker.label(output, given.axis, given.rank, given.units)
        return
    sizes = split_sizes(node, given)
    if sizes is None:
        tracker.give_up(node, "computes the sizes of its parts")
        return
    starts = np.cumsum([0, *sizes])
    for output, start, size in zip(node.outputs, starts, sizes, strict=False):
        tracker.label(output, axis, given.rank, given.units[start : start + size])


def split_sizes(node: ir.Node, given: Labels) -> list[int] | None:
    """Return how many positions each output of a Split gets; None if that is computed."""
    total, parts = len(given.units), len(node.outputs)
    if "split" in node.attributes:
        return list(node.attributes.get_ints("split"))
    if len(node.inputs) > 1 and node.inputs[1] is not None:
        return integers(node.inputs[1])
    size = -(-total // node.attributes.get_int("num_outputs", parts))
    return [size] * (parts - 1) + [total - size * (parts - 1)]


def cut(tracker: Tracker, node: ir.Node) -> None:
    """Keep units of a Slice along other axes than theirs, all of which are constants."""
    given = None if node.inputs[0] is None else tracker.labels.get(node.inputs[0])
    axes = axes_of(node, 3)
    clear = axes is not None or "axes" in node.attributes
    if given is None or not clear or given.axis in {a % given.rank for a in axes or ()}:
        tracker.give_up(node, "takes some of the channels")
        return
    tracker.label(node.outputs[0], given.axis, given.rank, given.units)


def pad(tracker: Tracker, node: ir.Node) -> None:
    """Give positions that are added along the axis of the units new ones.

    Declined where the numbers of positions are no constants, negative along that axis, or limited
    to some axes, and where other positions are repeated along it.
    """
    given = None if node.inputs[0] is None else tracker.labels.get(node.inputs[0])
    amounts = pad_amounts(node)
    if given is None or amounts is None or len(amounts) != 2 * given.rank:
        tracker.give_up(node, "adds positions in a way that is not clear")
        return
    before, after = amounts[given.axis], amounts[given.rank + given.axis]
    plain = node.attributes.get_string("mode", "constant") == "constant"
    if min(before, after) < 0 or (max(before, after) > 0 and not plain):
        tracker.give_up(node, "repeats or removes channels")
        return
    units = np.concatenate([tracker.fresh(before), given.units, tracker.fresh(after)])
    tracker.label(node.outputs[0], given.axis, given.rank, units)


def pad_amounts(node: ir.Node) -> list[int] | None:
    """Return how many positions a Pad adds before and after each axis; None if not constant."""
    if len(node.inputs) > 3 and node.inputs[3] is not None:
        return None
    if "pads" in node.attributes:
        return list(node.attributes.get_ints("pads"))
    return integers(node.inputs[1]) if len(node.inputs) > 1 else None
