"""The samples on which two models are compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo_compress.core import Artifact, Inputs, TensorSpec
from zoo_compress.data.load import load_inputs
from zoo_compress.errors import InputError
from zoo_compress.hub.companions import root_of
from zoo_compress.hub.resolve import SAMPLE_PREFIX
from zoo_compress.pipeline.folder import REPORT_FILE, SPLIT_FILE
from zoo_compress.pipeline.inputs import (
    MOST_CERTIFICATION_INPUTS,
    SYNTHETIC_CERTIFICATION_INPUTS,
    gather_inputs,
    pinned,
    stand_in,
)
from zoo_compress.pipeline.published import name_digest

MOST_SCALE_INPUTS = 50
"""As many as a search normalises its distances with."""
SCALE_SHARE = 5
"""One input in so many at most sets the scale: the others carry the statement."""
FEWEST_SCALE_INPUTS = 2

SYNTHETIC_NOTE = (
    "no --data was given: synthetic inputs stand in, and nothing is certified about real ones"
)
OTHER_DATA_NOTE = (
    "the compressed model comes from a run, but none of the inputs that its search saw is in "
    "this data by name; whether it holds them under other names is not known"
)

TOLD_BY_THE_HUB = (
    "{} inputs are left out since '{}' says that its search saw them; that it saw no others is "
    "its word alone"
)


@dataclass(frozen=True, kw_only=True)
class PairInputs:
    """Samples to compare two models on, in an order that was drawn before anything was run.

    Attributes:
        inputs: The samples to certify on.
        scale: Samples on which the original's outputs set the scale of the distance.
        overlap: How many of the first of `inputs` are those of `scale`.
        kept_from_search: Whether it is known that no search saw `inputs`.
        notes: What the user should know.
    """

    inputs: Inputs
    scale: Inputs
    overlap: int
    kept_from_search: bool
    notes: tuple[str, ...] = ()


def pair_inputs(
    original: Artifact,
    compressed: Artifact,
    specs: Sequence[TensorSpec],
    *,
    data: str | None,
    count: int | None,
    seed: int,
) -> PairInputs:
    """Load samples, leave out what the search of our own run saw, and set a scale apart.

    If the compressed model lies in the folder of a run, or was pushed from one, the samples that
    its `split.json` names for the search only set the scale, and others of their groups are not
    used at all. Otherwise the first samples set it, at most a fifth of all.

    Args:
        original: The original model.
        compressed: The other model.
        specs: Inputs of the original.
        data: What the user named, or None for the sample's own inputs, else for what stands in.
        count: Most samples to certify on; None for 1000, or 200 synthetic ones.
        seed: Seed of the draw and of the order.

    Raises:
        InputError: If the data cannot be read or does not fit the model, or the search saw all.
    """
    searched = searched_names(compressed.model_path.parent)
    if not searched:
        searched = searched_names(root_of(compressed.model_path))
    found, notes = _load(
        original, specs, data=data, count=count, searched=len(searched), seed=seed
    )
    most = count or _usual(synthetic=found.synthetic)
    seen, unseen = _divide(found, searched, seed)
    if not unseen:
        raise InputError(f"{found.description}: the search of the run has seen all of them")
    if searched and not seen:
        notes = (*notes, OTHER_DATA_NOTE)
    if seen and compressed.repo_id is not None:
        notes = (*notes, TOLD_BY_THE_HUB.format(len(seen), compressed.repo_id))
    inputs = found.subset(unseen[:most])
    overlap = scale_inputs(len(inputs)) if len(seen) < FEWEST_SCALE_INPUTS else 0
    return PairInputs(
        inputs=inputs,
        scale=inputs.subset(range(overlap)) if overlap else found.subset(seen[:MOST_SCALE_INPUTS]),
        overlap=overlap,
        kept_from_search=bool(seen),
        notes=notes,
    )


def scale_inputs(n: int) -> int:
    """Return how many of n samples set the scale where no others can."""
    return min(n, max(FEWEST_SCALE_INPUTS, min(MOST_SCALE_INPUTS, n // SCALE_SHARE)))


def searched_names(folder: Path) -> frozenset[str]:
    """Return the names of the samples that the search of the run in a folder saw.

    For a run that was pushed they are the digests of the names. None are returned if the folder
    holds no finished run, or its record is damaged.
    """
    if not (folder / REPORT_FILE).is_file():
        return frozenset()
    try:
        record: Any = json.loads((folder / SPLIT_FILE).read_text("utf-8"))
        return frozenset(map(str, [*record["search"], *record.get("calibrate", [])]))
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def _load(
    original: Artifact,
    specs: Sequence[TensorSpec],
    *,
    data: str | None,
    count: int | None,
    searched: int,
    seed: int,
) -> tuple[Inputs, tuple[str, ...]]:
    """Return samples, enough to leave out those that a search saw, and notes about them."""
    notes: tuple[str, ...] = ()
    data = pinned(data)
    if data is None:
        if original.source.startswith(SAMPLE_PREFIX):
            return gather_inputs(original, specs, data=None, search=0, seed=seed)
        found, notes = stand_in(original, specs, seed=seed)
        if found is not None:
            return found, notes
        data, notes = "synthetic", (SYNTHETIC_NOTE, *notes)
    drawn = (count or _usual(synthetic=data == "synthetic")) + searched
    return load_inputs(data, artifact=original, specs=specs, count=drawn, seed=seed), notes


def _usual(*, synthetic: bool) -> int:
    return SYNTHETIC_CERTIFICATION_INPUTS if synthetic else MOST_CERTIFICATION_INPUTS


def _divide(inputs: Inputs, searched: frozenset[str], seed: int) -> tuple[list[int], list[int]]:
    """Return the samples that the search saw, and those of groups that it did not touch.

    Both are in a random order.
    """
    pairs = list(zip(inputs.names, inputs.groups, strict=True))
    known = {
        index
        for index, (name, _) in enumerate(pairs)
        if name in searched or name_digest(name) in searched
    }
    groups = {inputs.groups[index] for index in known}
    order = [int(index) for index in np.random.default_rng(seed).permutation(len(inputs))]
    seen = [index for index in order if index in known]
    return seen, [index for index in order if inputs.groups[index] not in groups]
