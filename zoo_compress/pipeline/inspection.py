"""`inspect`: what could be compressed, how far, and what could not."""

from __future__ import annotations

from dataclasses import dataclass

from zoo_compress.core import (
    Artifact,
    Declined,
    Feed,
    Option,
    ProgressCallback,
    Site,
    ignore_progress,
)
from zoo_compress.data.load import load_inputs
from zoo_compress.errors import InputError
from zoo_compress.graph.channels.find import find_channels
from zoo_compress.graph.channels.shapes import with_shapes
from zoo_compress.graph.load import load_model
from zoo_compress.graph.signature import signature
from zoo_compress.hub.resolve import resolve
from zoo_compress.pipeline.prepare import Prepared, prepare, prepare_as
from zoo_compress.pipeline.settings import cache_folder
from zoo_compress.pipeline.space import build_space, load_techniques
from zoo_compress.recipe import load_recipe
from zoo_compress.techniques.base import needed_operator_set

SYNTHETIC_INPUTS = 2


@dataclass(frozen=True, kw_only=True)
class SiteReport:
    """A site and its options, more bytes first."""

    site: Site
    options: list[Option]


@dataclass(frozen=True, kw_only=True)
class GroupReport:
    """Channels, or attention heads, that belong together.

    Attributes:
        name: The first weight that computes them.
        kind: `channels` or `heads`.
        units: How many there are.
        stored_bytes: Bytes of the positions of weights that go with them.
        reason: Why none can be removed; None if they can.
    """

    name: str
    kind: str
    units: int
    stored_bytes: int
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What a recipe could do to a model.

    Attributes:
        source: The model.
        original_bytes: Its size.
        decoded_bytes: Its size as sites are found in it: simplified if it is, and then with packed
            weights unpacked, so that a compressed model has more of them than its file.
        sites: Its sites, in the order of its nodes.
        declined: Weights that stay as they are, and why.
        groups: What can be removed from the graph before that, and what cannot.
        smallest_ratio: The smallest budget that the recipe reaches.
        simplified: Whether the graph is simplified first.
        notes: What the user should know.
    """

    source: str
    original_bytes: int
    decoded_bytes: int
    sites: list[SiteReport]
    declined: list[Declined]
    groups: list[GroupReport]
    smallest_ratio: float
    simplified: bool
    notes: tuple[str, ...]


def inspect(
    source: str, *, recipe: str = "balanced", progress: ProgressCallback = ignore_progress
) -> Inspection:
    """Find the sites of a model and the options that a recipe has for them.

    Raises:
        NoSiteError: If there is none.
    """
    chosen = load_recipe(recipe)
    techniques = load_techniques(chosen)
    artifact = resolve(source, cache=cache_folder(), progress=progress)
    needed = needed_operator_set(techniques.values(), model_bytes=artifact.stored_bytes)
    prepared, notes = _prepare(artifact, biases=chosen.corrects_biases, needed=needed)
    sized = build_space(prepared, chosen, techniques)
    space = sized.space
    reports = zip(space.sites, space.options, strict=True)
    return Inspection(
        source=source,
        original_bytes=artifact.stored_bytes,
        decoded_bytes=space.stored_bytes(space.largest),
        sites=[SiteReport(site=site, options=list(options)) for site, options in reports],
        declined=list(sized.declined),
        groups=_groups(prepared),
        smallest_ratio=space.separable_bytes(space.smallest) / artifact.stored_bytes,
        simplified=prepared.simplified,
        notes=(*artifact.notes, *prepared.notes, *notes),
    )


def _groups(prepared: Prepared) -> list[GroupReport]:
    channels = find_channels(with_shapes(prepared.model))
    return [
        GroupReport(
            name=group.name,
            kind=group.kind,
            units=len(group.units),
            stored_bytes=int(channels.bytes[group.units].sum()),
            reason=group.reason,
        )
        for group in channels.groups
    ]


def _prepare(artifact: Artifact, *, biases: bool, needed: int) -> tuple[Prepared, tuple[str, ...]]:
    """Prepare on synthetic inputs; a model that cannot run on them is shown as it is."""
    interface = signature(load_model(artifact.model_path))
    try:
        feeds: list[Feed] = list(
            load_inputs(
                "synthetic",
                artifact=artifact,
                specs=interface.inputs,
                count=SYNTHETIC_INPUTS,
                seed=0,
            ).feeds
        )
        return prepare(artifact, feeds, biases=biases, needed=needed), ()
    except InputError as error:
        note = f"shown as its file has it, since it does not run on synthetic inputs: {error}"
        return prepare_as(artifact, simplified=False, biases=biases), (note,)
