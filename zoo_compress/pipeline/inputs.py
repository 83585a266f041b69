"""The samples of a run, and their split."""

from __future__ import annotations

from collections.abc import Sequence

from zoo_compress.core import Artifact, Inputs, TensorSpec
from zoo_compress.data.check import check_feeds
from zoo_compress.data.load import load_inputs
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


def gather_inputs(
    artifact: Artifact, specs: Sequence[TensorSpec], *, data: str | None, search: int, seed: int
) -> tuple[Inputs, tuple[str, ...]]:
    """Return the samples to search and certify on, and warnings about them.

    Args:
        artifact: The model.
        specs: Its inputs.
        data: What the user named, or None for the sample's own inputs, else synthetic ones.
        search: Samples that the search will use.
        seed: Seed of every draw.

    Raises:
        InputError: If the data cannot be read or does not fit the model.
    """
    if data is not None:
        most = SYNTHETIC_CERTIFICATION_INPUTS if data == "synthetic" else MOST_CERTIFICATION_INPUTS
        inputs = load_inputs(data, artifact=artifact, specs=specs, count=search + most, seed=seed)
        return inputs, ()
    if artifact.source.startswith(SAMPLE_PREFIX):
        sample = load_plugin("samples", artifact.source.removeprefix(SAMPLE_PREFIX))()
        own: Inputs = sample.inputs(seed=seed)
        check_feeds(own, specs)
        return own, ()
    count = search + SYNTHETIC_CERTIFICATION_INPUTS
    drawn = load_inputs("synthetic", artifact=artifact, specs=specs, count=count, seed=seed)
    return drawn, (SYNTHETIC_WARNING,)
