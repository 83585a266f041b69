"""Choose which channels and heads go: those that the outputs feel least, for the bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from zoo_compress.core import AnyArray, Feed
from zoo_compress.graph.channels.groups import Channels, Group
from zoo_compress.graph.channels.remove import Kept
from zoo_compress.graph.proto import to_light_proto
from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.stats.distances.squared_l2 import SquaredL2
from zoo_compress.techniques.intake import Intake
from zoo_compress.techniques.removal_order import (
    RemovalOrder,
    families,
    order_by_norms,
    order_by_outputs,
    readers_of,
)

# Inputs on which removals are measured, to weigh families against each other and to see whether
# weights that were fitted to other inputs make things better.
PROBE_INPUTS = 16
# With fewer times as many inputs, fitting needs all of them more than measuring needs its own.
FEWEST_PARTED = 2


def removal_orders(
    model: ir.Model,
    channels: Channels,
    groups: Sequence[Group],
    known: Mapping[str, Intake],
    *,
    calibrated: bool,
    progress: Callable[[int, int], None],
) -> tuple[list[RemovalOrder], dict[str, str]]:
    """Return in which order the units of groups would go, and why some groups lose none.

    Args:
        model: The model.
        channels: Its units.
        groups: The groups that may lose some.
        known: Weights that read units, by name.
        calibrated: Whether their inputs are known; otherwise the norms of weights must do.
        progress: Told how many families are done, of how many.
    """
    orders, stuck = list[RemovalOrder](), dict[str, str]()
    found = families(channels, groups)
    for number, family in enumerate(found):
        readers = readers_of(channels, family, known) if calibrated else ()
        if isinstance(readers, str):
            stuck.update((group.name, readers) for group in family)
        elif calibrated:
            orders.append(order_by_outputs(channels, family, readers))
        else:
            orders.append(order_by_norms(model, channels, family))
        progress(number + 1, len(found))
    return orders, stuck


def kept_after(channels: Channels, orders: Sequence[RemovalOrder], steps: Sequence[int]) -> Kept:
    """Return which units stay if so many steps are taken in each order."""
    kept = np.ones(len(channels.bytes), bool)
    for order, taken in zip(orders, steps, strict=True):
        for units in order.steps[:taken]:
            kept[units] = False
    return kept


def smaller_weights(
    known: Mapping[str, Intake], kept: Kept, *, compensate: bool
) -> dict[str, AnyArray]:
    """Return what the weights that read units become without those that go, by name."""
    changed = dict[str, AnyArray]()
    for intake in known.values():
        changed |= intake.without(kept, compensate=compensate)
    return changed


class Probe:
    """Measures what a removal does to the outputs of a model, without making the smaller graph."""

    def __init__(
        self, model: ir.Model, known: Mapping[str, Intake], feeds: Sequence[Feed]
    ) -> None:
        """Run the whole model.

        Args:
            model: The model.
            known: Weights that read units, by name.
            feeds: Inputs, best others than those that the weights are fitted to.
        """
        names = [name for i in known.values() for name in (i.site.name, i.site.bias) if name]
        self._known, self._indices = known, range(len(feeds))
        light, supplied = to_light_proto(model)
        self._evaluator = CpuEvaluator(light, feeds, replaceable=names, supplied=supplied)
        self._distance = SquaredL2(self._evaluator.reference)

    def distance(self, kept: Kept, *, compensate: bool) -> float:
        """Return the relative squared distance of the outputs; infinity where it is not finite.

        Args:
            kept: Whether each unit stays.
            compensate: As for `smaller_weights`.
        """
        weights = smaller_weights(self._known, kept, compensate=compensate)
        values = self._distance(self._evaluator.outputs(weights, self._indices), self._indices)
        return self._distance.relative(float(np.mean(values)))


def parted(feeds: Sequence[Feed]) -> tuple[Sequence[Feed], Sequence[Feed]]:
    """Return inputs to measure removals on and others to fit to; all for both if they are few."""
    if len(feeds) < FEWEST_PARTED * PROBE_INPUTS:
        return feeds[:PROBE_INPUTS], feeds
    return feeds[:PROBE_INPUTS], feeds[PROBE_INPUTS:]


def scaled_by_outputs(
    channels: Channels,
    orders: Sequence[RemovalOrder],
    probe: Probe,
    *,
    share: float,
    compensate: bool,
) -> list[RemovalOrder]:
    """Return orders with errors of the model's outputs in the place of those inside it.

    A share of each family's bytes is removed alone, and the distance of the outputs measured; the
    predicted errors are scaled to that. Orders whose removal so far costs nothing, or too much to
    be measured, stay as they are.

    Args:
        channels: The units of the model.
        orders: Orders of removal, with predicted errors.
        probe: Measures the outputs.
        share: Share of the bytes of each family, 0 to 1.
        compensate: As for `smaller_weights`.
    """
    scaled = []
    for order in orders:
        wanted = int(np.searchsorted(order.saved, share * order.saved[-1])) + 1
        taken = min(wanted, len(order.steps))
        predicted = float(order.error[taken - 1])
        kept = kept_after(channels, [order], [taken])
        measured = probe.distance(kept, compensate=compensate)
        usable = predicted > 0 and np.isfinite(measured) and measured > 0
        factor = measured / predicted if usable else 1.0
        scaled.append(replace(order, error=order.error * factor))
    return scaled
