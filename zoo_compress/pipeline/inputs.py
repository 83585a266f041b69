"""The samples of a run, and their split."""

from __future__ import annotations

from collections.abc import Sequence

from zoo_compress.core import Artifact, Inputs, TensorSpec
from zoo_compress.data.check import check_feeds
from zoo_compress.data.dataset_name import DatasetName
from zoo_compress.data.load import load_inputs
from zoo_compress.data.location import REMOTE
from zoo_compress.data.specs import decline_fixed_batch
from zoo_compress.data.stand_ins import (
    builtin_text,
    has_image_stand_in,
    has_text_stand_in,
    packaged_crops,
)
from zoo_compress.errors import InputError
from zoo_compress.hub.resolve import SAMPLE_PREFIX
from zoo_compress.registry import load_plugin

# More certification inputs tighten the bound with the square root of their number and cost a
# forward pass of both models each.
MOST_CERTIFICATION_INPUTS = 1000
SYNTHETIC_CERTIFICATION_INPUTS = 200

SYNTHETIC_WARNING = (
    "no --data was given: synthetic inputs stand in, and neither the search nor the certificate "
    "says anything about real ones"
)

TEXT_NOTE = (
    "no --data was given: the built-in English text stands in, and what is certified speaks of "
    "such sentences only"
)
PHOTOGRAPHS_NOTE = (
    "no --data was given: random crops of packaged photographs stand in, and what is certified "
    "speaks of these only"
)


def pinned(data: str | None) -> str | None:
    """Return what the user named as data, a dataset of the Hub with the commit that it stands for.

    Whatever goes on with a run later then reads the same rows.

    Raises:
        InputError: If it names a dataset in another form than is understood.
        HubError: If there is no such dataset, or the Hub cannot be reached.
    """
    if data is None or not data.startswith(REMOTE):
        return data
    name = DatasetName.parse(data)
    if name.pinned:
        return data
    # Imported late: the client takes a fifth of a second, which local data need not pay.
    from zoo_compress.hub.dataset import dataset_revision

    return str(name.at(dataset_revision(name.repo, name.revision)))


def gather_inputs(
    artifact: Artifact, specs: Sequence[TensorSpec], *, data: str | None, search: int, seed: int
) -> tuple[Inputs, tuple[str, ...]]:
    """Return the samples to search and certify on, and warnings about them.

    Args:
        artifact: The model.
        specs: Its inputs.
        data: What the user named, or None for the sample's own inputs, else for what stands in.
        search: Samples that the search will use.
        seed: Seed of every draw.

    Raises:
        InputError: If the data cannot be read or does not fit the model.
    """
    data = pinned(data)
    if data is not None:
        most = SYNTHETIC_CERTIFICATION_INPUTS if data == "synthetic" else MOST_CERTIFICATION_INPUTS
        inputs = load_inputs(data, artifact=artifact, specs=specs, count=search + most, seed=seed)
        return inputs, ()
    if artifact.source.startswith(SAMPLE_PREFIX):
        sample = load_plugin("samples", artifact.source.removeprefix(SAMPLE_PREFIX))()
        own: Inputs = sample.inputs(seed=seed)
        check_feeds(own, specs)
        return own, ()
    found, notes = stand_in(artifact, specs, seed=seed)
    if found is not None:
        return found, notes
    count = search + SYNTHETIC_CERTIFICATION_INPUTS
    drawn = load_inputs("synthetic", artifact=artifact, specs=specs, count=count, seed=seed)
    return drawn, (SYNTHETIC_WARNING, *notes)


def stand_in(
    artifact: Artifact, specs: Sequence[TensorSpec], *, seed: int
) -> tuple[Inputs | None, tuple[str, ...]]:
    """Return real inputs for a model that nobody named any for, and a note that says so.

    Texts for a model with a tokenizer; crops of photographs for one with an image processor, if
    the packages that carry them are installed. None if there is neither, with a note if they
    would have been there but do not fit.

    Args:
        artifact: The model.
        specs: Its inputs.
        seed: Seed of the crops.
    """
    try:
        decline_fixed_batch(specs)
        if has_text_stand_in(artifact, specs):
            found, note = builtin_text(artifact, specs), TEXT_NOTE
        elif has_image_stand_in(artifact, specs):
            found, note = packaged_crops(artifact, specs, seed=seed), PHOTOGRAPHS_NOTE
        else:
            return None, ()
        check_feeds(found, specs)
    except InputError as error:
        return None, (f"no real inputs stand in: {error}",)
    return found, (note,)
