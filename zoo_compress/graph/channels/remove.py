"""Remove units from all weights of a graph, and tell its nodes how many are left."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.passes import common

from zoo_compress.core import AnyArray
from zoo_compress.graph.channels.find import find_channels
from zoo_compress.graph.channels.groups import Channels, Member
from zoo_compress.graph.channels.joins import pad_amounts, split_sizes
from zoo_compress.graph.channels.target import target_entry
from zoo_compress.graph.channels.tracker import Labels, Units, integers
from zoo_compress.graph.initializers import add_initializer, replace_initializer
from zoo_compress.graph.names import value_names
from zoo_compress.graph.operator_set import operator_set

Kept = npt.NDArray[np.bool_]

FIRST_SPLIT_BY_INPUT = 13
"""The operator set in which the sizes of a Split moved from an attribute to an input."""


def remove_units(
    model: ir.Model, kept: Kept, *, weights: Mapping[str, AnyArray] | None = None
) -> ir.Model:
    """Return a copy of a model without the units that are not kept.

    Every initializer loses the positions of these units, and each node that has a number of
    channels among its settings gets the new one: `group` of depthwise kernels, sizes of a Split,
    amounts of a Pad, the new shape of a Reshape. Inputs and outputs of the graph stay, and so do
    axes of dynamic length. A tied weight stays one; where uses of one vector keep different
    positions, each gets its own copy.

    Args:
        model: What `find_channels` has read. It is not changed; the copy shares whole tensors.
        kept: Whether each unit stays, in the numbering of `find_channels`; shape (units,).
        weights: Values that initializers get before they lose positions, in their old shape.

    Raises:
        ValueError: If a tensor would lose all its positions.
    """
    pruned = model.clone()
    channels = find_channels(pruned)
    for units in channels.rows():
        if len(units) and not kept[units].any():
            raise ValueError("a tensor would lose all its channels")
    for name, array in (weights or {}).items():
        replace_initializer(pruned.graph, name, array)
    for node in list(pruned.graph):
        _adapt(pruned, node, channels.labels, kept)
    _slice_members(pruned, channels, kept)
    for value, labels in channels.labels.items():
        _shorten(value, labels, kept)
    common.RemoveUnusedNodesPass()(pruned)
    return pruned


def _slice_members(model: ir.Model, channels: Channels, kept: Kept) -> None:
    """Take the positions out of initializers, use by use."""
    uses: dict[tuple[ir.Node, int], list[Member]] = {}
    for member in channels.members:
        if not kept[member.units].all():
            uses.setdefault((member.node, member.index), []).append(member)
    made: dict[tuple[str, bytes], ir.Value] = {}
    sliced = dict[str, list[tuple[tuple[ir.Node, int], ir.Value]]]()
    for use, members in uses.items():
        name = members[0].name
        key = name, b"".join(kept[member.units].tobytes() for member in members)
        if key not in made:
            made[key] = _sliced(model.graph.initializers[name], members, kept)
        sliced.setdefault(name, []).append((use, made[key]))
    for name, changes in sliced.items():
        _replace_uses(model, model.graph.initializers[name], changes)


def _sliced(value: ir.Value, members: list[Member], kept: Kept) -> ir.Value:
    assert value.const_value is not None
    array = value.const_value.numpy()
    for member in members:
        array = np.compress(kept[member.units], array, axis=member.axis)
    tensor = ir.tensor(np.ascontiguousarray(array), dtype=value.dtype, name=value.name)
    kind = ir.TensorType(tensor.dtype)
    return ir.Value(name=value.name, const_value=tensor, shape=ir.Shape(array.shape), type=kind)


def _replace_uses(
    model: ir.Model, old: ir.Value, changes: list[tuple[tuple[ir.Node, int], ir.Value]]
) -> None:
    """Put new initializers in the place of an old one; the first gets its name if that is free."""
    for (node, index), value in changes:
        node.replace_input_with(index, value)
    graph = model.graph
    if not list(old.uses()) and not old.is_graph_output():
        graph.initializers.pop(str(old.name))
    for value in dict.fromkeys(value for _, value in changes):
        if str(value.name) in graph.initializers:
            value.name = _free_name(model, str(value.name))
        graph.register_initializer(value)


def _shorten(value: ir.Value, labels: Labels, kept: Kept) -> None:
    """Correct the stated length of the axis."""
    if value.shape is not None and not kept[labels.units].all():
        lengths = list(value.shape)
        lengths[labels.axis] = int(kept[labels.units].sum())
        value.shape = ir.Shape(lengths)


def _adapt(model: ir.Model, node: ir.Node, labels: Mapping[ir.Value, Labels], kept: Kept) -> None:
    """Change what a node says of numbers of channels."""
    given = labels.get(node.inputs[0]) if node.inputs and node.inputs[0] is not None else None
    found = labels.get(node.outputs[0])
    # Those that a Pad adds may go although none of its input do.
    if given is None or found is None or (kept[given.units].all() and kept[found.units].all()):
        return
    if node.op_type in ("Conv", "ConvTranspose") and node.attributes.get_int("group", 1) > 1:
        groups = int(kept[given.units].sum())
        node.attributes["group"] = ir.AttrInt64("group", groups)
    elif node.op_type == "Reshape":
        _adapt_reshape(model, node, given, found, kept)
    elif node.op_type == "Split" and node.attributes.get_int("axis", 0) % given.rank == given.axis:
        _adapt_split(model, node, given, kept)
    elif node.op_type == "Pad":
        _adapt_pad(model, node, given, found.units, kept)


def _adapt_reshape(
    model: ir.Model, node: ir.Node, given: Labels, found: Labels, kept: Kept
) -> None:
    length, target = int(kept[found.units].sum()), node.inputs[1]
    assert target is not None
    entry = target_entry(node, found.axis, source=given.axis)
    if entry == "constant":
        numbers = integers(target) or []
        numbers[found.axis] = length
        node.replace_input_with(1, _constant(model, target, numbers))
    elif entry == "piece":
        joined = target.producer()
        assert joined is not None
        pieces = list(joined.inputs)
        old = pieces[found.axis]
        assert old is not None
        pieces[found.axis] = _constant(model, old, [length])
        name = _free_name(model, f"{target.name}.{length}")
        output = ir.Value(name=name, shape=target.shape, type=target.type)
        new = ir.Node("", "Concat", pieces, [ir.AttrInt64("axis", 0)], outputs=[output])
        model.graph.insert_before(node, [new])
        node.replace_input_with(1, output)


def _adapt_split(model: ir.Model, node: ir.Node, given: Labels, kept: Kept) -> None:
    sizes = split_sizes(node, given) or []
    starts = np.cumsum([0, *sizes])
    left = [
        int(kept[given.units[start : start + size]].sum())
        for start, size in zip(starts, sizes, strict=False)
    ]
    node.attributes.pop("num_outputs", None)
    if "split" in node.attributes or operator_set(model) < FIRST_SPLIT_BY_INPUT:
        node.attributes["split"] = ir.AttrInt64s("split", left)
        return
    old = node.inputs[1] if len(node.inputs) > 1 else None
    new = _constant(model, old if old is not None else node.outputs[0], left)
    if len(node.inputs) < 2:
        node.resize_inputs(2)
    node.replace_input_with(1, new)


def _adapt_pad(model: ir.Model, node: ir.Node, given: Labels, units: Units, kept: Kept) -> None:
    amounts = pad_amounts(node) or []
    before, end = amounts[given.axis], len(units) - amounts[given.rank + given.axis]
    amounts[given.axis] = int(kept[units[:before]].sum())
    amounts[given.rank + given.axis] = int(kept[units[end:]].sum())
    if "pads" in node.attributes:
        node.attributes["pads"] = ir.AttrInt64s("pads", amounts)
        return
    old = node.inputs[1]
    assert old is not None
    node.replace_input_with(1, _constant(model, old, amounts))


def _constant(model: ir.Model, old: ir.Value, numbers: list[int]) -> ir.Value:
    """Add a constant of integers, named after what it takes the place of."""
    name = _free_name(model, f"{old.name}.{'x'.join(map(str, numbers))}"[:80])
    return add_initializer(model.graph, name, np.array(numbers, np.int64))


def _free_name(model: ir.Model, name: str) -> str:
    taken = value_names(model)
    return next(n for i in count() if not taken[n := f"{name}.{i}" if i else name])
