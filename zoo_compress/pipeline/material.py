"""What a run works on: the original model and the inputs to compare on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from zoo_compress.core import Artifact, Feed, Inputs, Progress, ProgressCallback
from zoo_compress.data.split import Split, split_inputs
from zoo_compress.errors import InputError
from zoo_compress.graph.load import load_model
from zoo_compress.graph.signature import Signature, signature
from zoo_compress.hub.resolve import resolve
from zoo_compress.pipeline.calibrate import calibration_feeds
from zoo_compress.pipeline.inputs import gather_inputs, pinned
from zoo_compress.pipeline.run_setup import Setup
from zoo_compress.pipeline.settings import cache_folder
from zoo_compress.stats.bounds import required_inputs
from zoo_compress.stats.certificates import QUANTILES

# A variance needs two.
FEWEST_SEARCH_INPUTS = 2


@dataclass(frozen=True, kw_only=True)
class Material:
    """The original and its inputs.

    Attributes:
        artifact: The original model.
        signature: Its inputs and outputs.
        inputs: All samples.
        split: Which of them are for what.
    """

    artifact: Artifact
    signature: Signature
    inputs: Inputs
    split: Split

    @property
    def feeds(self) -> Sequence[Feed]:
        """The samples to search on."""
        return self.inputs.subset(self.split.search).feeds

    @property
    def fitted(self) -> Sequence[Feed]:
        """The samples that weights are fitted to."""
        return calibration_feeds(self.inputs, self.split)


def gather(setup: Setup, progress: ProgressCallback) -> tuple[Setup, Material]:
    """Fetch the model, read the inputs and divide them.

    Args:
        setup: What is asked for.
        progress: Told how far the work has come.

    Returns:
        What can be asked for with these inputs, and these.

    Raises:
        ZooCompressError: Whatever is wrong with the source or the data, or asks too much of them.
    """
    settings, aim = setup.settings, setup.aim
    progress(Progress(stage="pull", done=0))
    artifact = resolve(settings.source, cache=cache_folder(), progress=progress)
    settings = replace(settings, data=pinned(settings.data))
    aim.require_sense(artifact.stored_bytes)
    interface = signature(load_model(artifact.model_path))
    searched = setup.recipe.search.search_inputs
    inputs, warnings = gather_inputs(
        artifact,
        interface.inputs,
        data=settings.data,
        search=searched + setup.fitting_inputs,
        seed=settings.seed,
    )
    setup = replace(setup, settings=settings, notes=(*setup.notes, *warnings)).on(inputs)
    split = split_inputs(
        inputs, search=searched, calibrate=setup.fitting_inputs, seed=settings.seed
    )
    _require_inputs(split, settings.confidence)
    aim.require_inputs(len(split.certify), settings.confidence)
    return setup, Material(artifact=artifact, signature=interface, inputs=inputs, split=split)


def _require_inputs(split: Split, confidence: float) -> None:
    """Check that there are inputs enough to search on and to certify anything.

    Raises:
        InputError: If there are not; better now than after the search.
    """
    needed = required_inputs(min(QUANTILES), confidence)
    if len(split.search) < FEWEST_SEARCH_INPUTS or len(split.certify) < needed:
        raise InputError(
            f"{len(split.search)} inputs to search and {len(split.certify)} to certify on are too "
            f"few: {FEWEST_SEARCH_INPUTS} and {needed} are needed, more are better"
        )
