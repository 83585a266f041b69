"""What was removed from a graph, as a plan file says it."""

from __future__ import annotations

import numpy as np

from zoo_compress.errors import PlanError
from zoo_compress.graph.channels.groups import Channels, Group
from zoo_compress.graph.channels.remove import Kept
from zoo_compress.plan import RemovalRecord, RemovedGroup, ranges

KINDS = ("channels", "heads")


def removal_record(channels: Channels, kept: Kept, compensated: bool) -> RemovalRecord:
    """Return what a plan file says of a removal.

    Args:
        channels: The units of the model.
        kept: Whether each stays.
        compensated: Whether other weights were fitted to make up for what goes.
    """
    groups = [
        RemovedGroup(
            name=group.name,
            kind="heads" if group.kind == "heads" else "channels",
            units=len(group.units),
            kept=ranges(np.flatnonzero(kept[group.units]).tolist()),
        )
        for group in channels.removable
        if not kept[group.units].all()
    ]
    prunable = {
        kind: sum(len(group.units) for group in channels.removable if group.kind == kind)
        for kind in KINDS
    }
    return RemovalRecord(groups=tuple(groups), compensated=compensated, prunable=prunable)


def recorded_units(channels: Channels, record: RemovalRecord) -> Kept:
    """Return which units of a model stay by what a plan file says.

    Raises:
        PlanError: If the model has no such units, or none of a group would be left.
    """
    kept = np.ones(len(channels.bytes), bool)
    known: dict[str, Group] = {group.name: group for group in channels.removable}
    for removed in record.groups:
        group = known.get(removed.name)
        if group is None or len(group.units) != removed.units:
            raise PlanError(f"the model has no {removed.units} {removed.kind} of '{removed.name}'")
        stay = np.zeros(removed.units, bool)
        stay[[place for place in removed.places if place < removed.units]] = True
        if not stay.any():
            raise PlanError(
                f"the plan keeps none of the {removed.units} {removed.kind} of '{removed.name}'"
            )
        kept[group.units] = stay
    return kept
