"""Units that belong together, and what goes with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from zoo_compress.graph.channels.tracker import Labels, Role, Tracker, Units


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """An axis of an initializer that loses positions with units.

    Attributes:
        name: The initializer.
        node: The node that reads it there.
        index: Which of its inputs it is.
        axis: The axis.
        units: The unit of each position.
        role: What the axis does.
    """

    name: str
    node: ir.Node
    index: int
    axis: int
    units: Units
    role: Role


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Units that the same nodes compute, or that meet in sums.

    Attributes:
        name: The first weight that computes them.
        kind: `heads` for blocks of a product of activations, else `channels`.
        units: Its units, in the order of the first weight's outputs.
        reason: Why none of them can be removed; None if they can.
    """

    name: str
    kind: str
    units: Units
    reason: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Channels:
    """The units of a model.

    Attributes:
        groups: All groups, in the order of the graph.
        members: Axes of initializers with units along them.
        labels: Values of the graph -> the units along one of their axes.
        bytes: Bytes of the positions that go with each unit, shape (units,). A weight counts for
            the units of its inputs and for those of its outputs, as if each went alone.
    """

    groups: tuple[Group, ...]
    members: tuple[Member, ...]
    labels: Mapping[ir.Value, Labels]
    bytes: npt.NDArray[np.int64]

    @property
    def removable(self) -> tuple[Group, ...]:
        """The groups whose units can be removed."""
        return tuple(group for group in self.groups if group.reason is None)

    def rows(self) -> Iterator[Units]:
        """Yield the units that lie side by side in some tensor, which must not lose all."""
        yield from (member.units for member in self.members)
        yield from (labels.units for labels in self.labels.values())


def components(count: int, couples: list[tuple[Units, Units]]) -> Units:
    """Return for each unit the first of those that it is coupled with, directly or not.

    Args:
        count: How many units there are.
        couples: Pairs of arrays of units, coupled position by position.
    """
    # Imported late: scipy takes a quarter of a second, which most commands need not pay.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not count:
        return np.zeros(0, np.int64)
    ones = np.concatenate([one for one, _ in couples] or [np.zeros(0, np.int64)])
    others = np.concatenate([other for _, other in couples] or [np.zeros(0, np.int64)])
    edges = coo_array((np.ones(len(ones), np.int8), (ones, others)), shape=(count, count))
    _, component = connected_components(edges, directed=False)
    first = np.full(component.max() + 1, count, np.int64)
    np.minimum.at(first, component, np.arange(count))
    parents: Units = first[component]
    return parents


def group_units(tracker: Tracker, members: Sequence[Member], parents: Units) -> Iterator[Group]:
    """Yield the groups of units that the same nodes compute, in the order of the graph.

    Args:
        tracker: What is known of units, in their first numbering.
        members: Axes of initializers, their units replaced by those that stand for them.
        parents: The unit that stands for each, shape (units,).
    """
    produced = [member for member in members if member.role == "produces"]
    couples = [(m.units, np.broadcast_to(m.units[:1], m.units.shape)) for m in produced]
    owner = components(tracker.count, couples)
    reasons: dict[int, str] = {}
    for units, reason in tracker.frozen:
        for group in np.unique(owner[parents[units]]):
            reasons.setdefault(int(group), reason)
    heads = {int(owner[parents[unit]]) for units in tracker.heads for unit in units}
    seen = set[int]()
    for member in produced:
        group = int(owner[member.units[0]]) if len(member.units) else -1
        if group in seen or group < 0:
            continue
        seen.add(group)
        own = [m.units for m in produced if len(m.units) and owner[m.units[0]] == group]
        units = np.array(list(dict.fromkeys(np.concatenate(own).tolist())), np.int64)
        kind = "heads" if group in heads else "channels"
        yield Group(name=member.name, kind=kind, units=units, reason=reasons.get(group))
