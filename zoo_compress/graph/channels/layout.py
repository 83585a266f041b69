"""Units through operators that only move or regroup positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from zoo_compress.graph.channels.target import target_entry, target_lengths
from zoo_compress.graph.channels.tracker import (
    Labels,
    Tracker,
    Units,
    axes_of,
    integers,
    lengths,
)

Lengths = Sequence[int | str | None]


def transpose(tracker: Tracker, node: ir.Node) -> None:
    """Move the axis of the units to where the permutation puts it."""
    (given,) = tracker.known(node)
    order = node.attributes.get_ints("perm", range(given.rank)[::-1])
    tracker.label(node.outputs[0], list(order).index(given.axis), given.rank, given.units)


def squeeze(tracker: Tracker, node: ir.Node) -> None:
    """Shift the axis of the units; declined where that axis or an unknown one goes."""
    (given,) = tracker.known(node)
    axes = axes_of(node, 1)
    gone = None if axes is None else {axis % given.rank for axis in axes}
    if gone is None or given.axis in gone:
        tracker.give_up(node, "may remove the axis of channels")
        return
    axis = given.axis - sum(other < given.axis for other in gone)
    tracker.label(node.outputs[0], axis, given.rank - len(gone), given.units)


def unsqueeze(tracker: Tracker, node: ir.Node) -> None:
    """Shift the axis of the units; declined where the new axes are not constants."""
    (given,) = tracker.known(node)
    axes = axes_of(node, 1)
    if axes is None:
        tracker.give_up(node, "adds axes that are computed")
        return
    rank = given.rank + len(axes)
    new = {axis % rank for axis in axes}
    old = [axis for axis in range(rank) if axis not in new]
    tracker.label(node.outputs[0], old[given.axis], rank, given.units)


def flatten(tracker: Tracker, node: ir.Node) -> None:
    """Repeat units where their axis is merged with others; their lengths must be known."""
    (given,) = tracker.known(node)
    shape = None if node.inputs[0] is None else lengths(node.inputs[0])
    axis = node.attributes.get_int("axis", 1)
    if shape is None:
        tracker.give_up(node, "regroups a shape that is not known")
        return
    halves = shape[:axis], shape[axis:]
    _regroup(tracker, node, given, shape, [_product(half) for half in halves])


def reshape(tracker: Tracker, node: ir.Node) -> None:
    """Follow units through a new shape.

    Where their axis is merged with others, units repeat. Where it is split, each block of
    positions along the first of the new axes becomes one unit: the heads of attention. Declined
    where lengths are not known, where the new length of the axis is computed, so that it could not
    be changed, and where units end up along no axis.
    """
    given = tracker.labels.get(node.inputs[0]) if node.inputs[0] is not None else None
    before = lengths(node.inputs[0]) if node.inputs[0] is not None else None
    after = target_lengths(node)
    if given is None or before is None or after is None or len(tracker.known(node)) > 1:
        tracker.give_up(node, "regroups a shape that is not known")
        return
    _regroup(tracker, node, given, before, after)
    found = tracker.labels.get(node.outputs[0])
    if found is not None and target_entry(node, found.axis, source=given.axis) is None:
        del tracker.labels[node.outputs[0]]
        tracker.give_up(node, "computes the number of channels")


def read_shape(tracker: Tracker, node: ir.Node) -> None:
    """Leave units free where only the lengths of other axes are taken from a shape.

    Declined where a reader of the shape is no Gather or Slice of constant places, or takes the
    length along the axis of the units.
    """
    (given,) = tracker.known(node)
    start = node.attributes.get_int("start", 0) % given.rank
    end = node.attributes.get_int("end", given.rank)
    places = range(given.rank)[start : given.rank if end >= given.rank else end]
    readers = [reader for reader, _ in node.outputs[0].uses()]
    taken = [_places(reader, places) for reader in readers]
    if node.outputs[0].is_graph_output() or any(p is None or given.axis in p for p in taken):
        tracker.give_up(node, "takes the number of channels")


def regrouped(before: Lengths, after: Lengths) -> list[tuple[range, range]] | None:
    """Pair the runs of axes of two shapes with the same elements; None where that is not clear.

    Lengths that are not known pair up if they have the same symbol, or if they are the only ones.
    """
    unknown = [sum(not isinstance(n, int) for n in shape) for shape in (before, after)]
    alone = unknown == [1, 1]
    pairs, i, j = list[tuple[range, range]](), 0, 0
    while i < len(before) or j < len(after):
        start = i, j
        one, other = _numbers(before[i : i + 1]), _numbers(after[j : j + 1])
        if one is None or other is None:
            if not (one is other and (alone or before[i] == after[j] is not None)):
                return None
            i, j = i + 1, j + 1
        else:
            i, j = min(i + 1, len(before)), min(j + 1, len(after))
            while one != other:
                grown = before[i : i + 1] if one < other else after[j : j + 1]
                factor = _numbers(grown)
                if not grown or factor is None:
                    return None
                i, j = (i + 1, j) if one < other else (i, j + 1)
                one, other = (one * factor, other) if one < other else (one, other * factor)
        pairs.append((range(start[0], i), range(start[1], j)))
    return pairs


def _regroup(
    tracker: Tracker, node: ir.Node, given: Labels, before: Lengths, after: Lengths
) -> None:
    pairs = regrouped(before, after)
    run = None if pairs is None else next(pair for pair in pairs if given.axis in pair[0])
    if run is None or not run[1] or 0 in (*before, *after):
        tracker.give_up(node, "regroups channels in a way that is not clear")
        return
    old = [int(str(before[axis])) for axis in run[0]] if len(run[0]) + len(run[1]) > 2 else []
    new = [int(str(after[axis])) for axis in run[1]] if old else []
    if not old:
        tracker.label(node.outputs[0], run[1][0], len(after), given.units)
        return
    shape = [1] * len(old)
    shape[given.axis - run[0][0]] = -1
    spread = np.broadcast_to(given.units.reshape(shape), old).reshape(new)
    axis = _axis_of_units(spread)
    rows = np.moveaxis(spread, axis, 0).reshape(new[axis], -1)
    if not (rows == rows[:, :1]).all():
        tracker.couple(rows, rows[:, :1])
    tracker.label(node.outputs[0], run[1][axis], len(after), rows[:, 0])


def _axis_of_units(spread: Units) -> int:
    """Return the axis that units lie along, else the first that is longer than one."""
    long = [axis for axis, length in enumerate(spread.shape) if length > 1]
    for axis in long:
        rows = np.moveaxis(spread, axis, 0).reshape(spread.shape[axis], -1)
        if (rows == rows[:, :1]).all():
            return axis
    return long[0] if long else 0


def _numbers(shape: Lengths) -> int | None:
    """Return the length in a slice of one; 1 if it is empty, None if it is not known."""
    length = shape[0] if shape else 1
    return length if isinstance(length, int) else None


def _product(shape: Lengths) -> int | str | None:
    if len(shape) == 1:
        return shape[0]
    known = [length for length in shape if isinstance(length, int)]
    return math.prod(known) if len(known) == len(shape) else None


def _places(reader: ir.Node, places: Sequence[int]) -> set[int] | None:
    """Return which places of a shape a node takes; None if that is not clear."""
    if reader.op_type == "Gather":
        indices = integers(reader.inputs[1])
        return None if indices is None else {places[index] for index in indices}
    if reader.op_type == "Slice" and len(reader.inputs) > 2:
        start, end = integers(reader.inputs[1]), integers(reader.inputs[2])
        steps = integers(reader.inputs[4]) if len(reader.inputs) > 4 else [1]
        if start is None or end is None or steps is None:
            return None
        return set(places[start[0] : end[0] : steps[0]])
    return None
