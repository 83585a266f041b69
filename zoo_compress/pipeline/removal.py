"""Remove channels and attention heads before the space of plans is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from zoo_compress.core import Artifact, Feed, Inputs, Progress, ProgressCallback
from zoo_compress.errors import NoSiteError, PlanError
from zoo_compress.graph.channels.find import find_channels
from zoo_compress.graph.channels.groups import Channels
from zoo_compress.graph.channels.remove import Kept, remove_units
from zoo_compress.graph.channels.shapes import with_shapes
from zoo_compress.graph.sites import find_sites
from zoo_compress.pipeline.prepare import Prepared
from zoo_compress.pipeline.removal_record import KINDS, recorded_units, removal_record
from zoo_compress.plan import RemovalRecord
from zoo_compress.recipe import Recipe, RemovalShares
from zoo_compress.runtime.evaluator import Outputs, run_model
from zoo_compress.search.allocation import Path, allocate
from zoo_compress.techniques.intake import Intake, intakes
from zoo_compress.techniques.moments import input_moments
from zoo_compress.techniques.removal_choice import (
    Probe,
    kept_after,
    parted,
    removal_orders,
    scaled_by_outputs,
    smaller_weights,
)
from zoo_compress.techniques.removal_order import RemovalOrder

NOTHING = (
    "nothing is removed: the graph has no channels or heads of the kind asked for that can be, or "
    "the share leaves room for none; `zoo-compress inspect` lists them"
)
PLAIN = (
    "no weights make up for what is removed: on inputs that they were not fitted to, that moved "
    "the outputs further from the original's; more calibration inputs may help"
)
UNCALIBRATED = (
    "what is removed was chosen by the norms of weights alone, and nothing makes up for it: "
    "synthetic inputs do not show what real ones need"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scene:
    """A model before the removal, and what is known of it."""

    model: ir.Model
    channels: Channels
    known: Mapping[str, Intake]


def removed(
    prepared: Prepared,
    recipe: Recipe,
    inputs: Inputs,
    feeds: Sequence[Feed],
    seed: int,
    progress: ProgressCallback,
) -> tuple[Prepared, RemovalRecord | None]:
    """Remove what a recipe wants gone; see `remove`. Synthetic inputs decide nothing."""
    if recipe.remove is None:
        return prepared, None
    fitted = () if inputs.synthetic else feeds
    return remove(prepared, recipe.remove, fitted, seed=seed, progress=progress)


def reference_of(
    removal: RemovalRecord | None, artifact: Artifact, feeds: Sequence[Feed]
) -> list[Outputs] | None:
    """Return the outputs of the original where a smaller graph has taken its place."""
    return None if removal is None else run_model(artifact.model_path, feeds)


def remove(
    prepared: Prepared,
    shares: RemovalShares,
    feeds: Sequence[Feed],
    *,
    seed: int,
    progress: ProgressCallback,
) -> tuple[Prepared, RemovalRecord | None]:
    """Remove the channels and heads that the outputs need least.

    Args:
        prepared: The model.
        shares: What shall stay.
        feeds: Calibration inputs; without any, the norms of weights decide and nothing makes up
            for what goes.
        seed: Decides which places of a convolution are looked at.
        progress: Told how far the work has come.

    Returns:
        The smaller model with its sites, and what was removed; the model itself and None if
        that is nothing.
    """
    if all(getattr(shares, kind) == 1 for kind in KINDS):
        return prepared, None
    scene = _scene(prepared, feeds, seed=seed, progress=progress)
    notes = [] if feeds else [UNCALIBRATED]
    orders = dict[str, list[RemovalOrder]]()
    for kind in KINDS:
        if getattr(shares, kind) < 1:
            orders[kind], doubts = _orders(scene, kind, bool(feeds), progress)
            notes += doubts
    kept, compensate = _best(scene, shares, orders, feeds)
    if shares.compensate and feeds and not compensate and not kept.all():
        notes.append(PLAIN)
    noted = replace(prepared, notes=(*prepared.notes, *notes))
    if kept.all():
        said = replace(prepared, notes=(*noted.notes, NOTHING))
        return said, None
    record = removal_record(scene.channels, kept, compensate)
    return _smaller(noted, scene, kept, compensate), record


def remove_as(
    prepared: Prepared,
    record: RemovalRecord,
    feeds: Sequence[Feed],
    *,
    seed: int,
    progress: ProgressCallback,
) -> Prepared:
    """Remove what a plan says.

    Args:
        prepared: The model.
        record: What to remove.
        feeds: The inputs of the plan's calibration, if it was compensated.
        seed: The plan's.
        progress: Told how far the work has come.

    Raises:
        PlanError: If the model has no such channels, or the plan lacks what it was fitted to.
    """
    if record.compensated and not feeds:
        raise PlanError("the plan names no inputs that its removal was made up for with")
    fitted = feeds if record.compensated else ()
    # Before the inputs are run: a plan for another model should be told at once.
    kept = recorded_units(find_channels(with_shapes(prepared.model)), record)
    scene = _scene(prepared, fitted, seed=seed, progress=progress)
    return _smaller(prepared, scene, kept, record.compensated)


def _scene(
    prepared: Prepared, feeds: Sequence[Feed], *, seed: int, progress: ProgressCallback
) -> _Scene:
    """Find the units of a model, and look at the inputs of the weights that read them."""
    model = with_shapes(prepared.model)
    channels, sites = find_channels(model), prepared.found.sites
    readers = [site for site in sites if site.name in intakes(model, channels, sites, {})]

    def report(done: int) -> None:
        progress(Progress(stage="calibrate", done=done, total=len(parted(feeds)[1])))

    _, fitted = parted(feeds)
    moments = input_moments(model, readers, fitted, seed=seed, progress=report) if feeds else {}
    return _Scene(model=model, channels=channels, known=intakes(model, channels, sites, moments))


def _orders(
    scene: _Scene, kind: str, calibrated: bool, progress: ProgressCallback
) -> tuple[list[RemovalOrder], list[str]]:
    """Return in which order units of a kind go, and why there is none."""

    def report(done: int, total: int) -> None:
        progress(Progress(stage="remove", done=done, total=total))

    channels = scene.channels
    groups = [group for group in channels.removable if group.kind == kind]
    orders, stuck = removal_orders(
        scene.model, channels, groups, scene.known, calibrated=calibrated, progress=report
    )
    return orders, _doubts(channels, kind, orders, stuck)


def _best(
    scene: _Scene,
    shares: RemovalShares,
    orders: Mapping[str, list[RemovalOrder]],
    feeds: Sequence[Feed],
) -> tuple[Kept, bool]:
    """Return which units stay, and whether other weights make up for those that go.

    They do if that is wanted and brings the outputs closer on inputs that they were not fitted to.
    """
    channels = scene.channels
    if not feeds or not any(orders.values()):
        return _kept(channels, shares, orders), False
    probe, found = Probe(scene.model, scene.known, parted(feeds)[0]), []
    for compensate in (True, False) if shares.compensate else (False,):
        scaled = {
            kind: scaled_by_outputs(
                channels,
                some,
                probe,
                share=1 - float(getattr(shares, kind)),
                compensate=compensate,
            )
            for kind, some in orders.items()
        }
        kept = _kept(channels, shares, scaled)
        distance = probe.distance(kept, compensate=compensate)
        found.append((distance, not compensate, kept))
    _, plain, kept = min(found, key=lambda item: item[:2])
    return kept, not plain


def _kept(
    channels: Channels, shares: RemovalShares, orders: Mapping[str, list[RemovalOrder]]
) -> Kept:
    """Return which units stay so that the shares of all bytes do, at the least error."""
    kept = np.ones(len(channels.bytes), bool)
    for kind, some in orders.items():
        groups = [group for order in some for group in order.groups]
        whole = sum(int(channels.bytes[group.units].sum()) for group in groups)
        wanted = (1 - float(getattr(shares, kind))) * whole
        steps = allocate([_path(order) for order in some], wanted)
        kept &= kept_after(channels, some, steps)
    return kept


def _path(order: RemovalOrder) -> Path:
    return Path(saved=order.saved, error=order.error)


def _doubts(
    channels: Channels, kind: str, orders: Sequence[RemovalOrder], stuck: Mapping[str, str]
) -> list[str]:
    """Say why nothing of a kind can be removed, if there is any of it in the graph."""
    reasons = {group.name: group.reason for group in channels.groups if group.kind == kind}
    reasons |= stuck
    if orders or not reasons:
        return []
    name, why = next(iter(reasons.items()))
    return [f"no {kind} are removed: '{name}': {why}"]


def _smaller(prepared: Prepared, scene: _Scene, kept: Kept, compensate: bool) -> Prepared:
    weights = smaller_weights(scene.known, kept, compensate=compensate)
    model = remove_units(scene.model, kept, weights=weights)
    found = find_sites(model)
    if not found.sites:
        raise NoSiteError("nothing that can be compressed is left after the removal; keep more")
    return replace(prepared, model=model, found=found)
