"""The publish gate before a push: the file in a run's folder is still what the run certified."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from zoo_compress.core import Artifact, Feed, Progress, ProgressCallback, TensorSpec
from zoo_compress.data.load import load_inputs
from zoo_compress.errors import (
    ExternalDataError,
    HubError,
    InputError,
    PublishGateError,
    SampleError,
    SourceError,
)
from zoo_compress.graph.load import load_model, model_digest
from zoo_compress.graph.signature import signature
from zoo_compress.hub.resolve import describe, resolve
from zoo_compress.pipeline.folder import PLAN_FILE, RECIPE_FILE, SPLIT_FILE
from zoo_compress.pipeline.inputs import gather_inputs
from zoo_compress.pipeline.run_files import FinishedRun
from zoo_compress.pipeline.settings import RunSettings, cache_folder
from zoo_compress.plan import read_plan
from zoo_compress.recipe import load_recipe
from zoo_compress.runtime.evaluator import run_model
from zoo_compress.runtime.gate import reopening_gate

MOST_INPUTS = 50
"""As many as a search measures on."""

NOT_AT_HAND = (SourceError, ExternalDataError, SampleError, HubError)
"""What finding the original can end with long after the run."""


@dataclass(frozen=True, kw_only=True)
class _Samples:
    """Samples to run the model on.

    Attributes:
        feeds: The samples.
        comparable: Whether they are such as the run measured distances on.
        note: What the user should know about them.
    """

    feeds: Sequence[Feed]
    comparable: bool = True
    note: str | None = None


def pass_gate_again(
    run: FinishedRun, settings: RunSettings, progress: ProgressCallback
) -> tuple[str, ...]:
    """Open the file of a finished run in a fresh process and hold it against the original.

    Where the original or the inputs of the run are gone, the outputs only have to be finite.

    Returns:
        Notes about what could not be checked.

    Raises:
        PublishGateError: If the file does not open or run, returns NaN or infinity, or is near
            chance.
    """
    progress(Progress(stage="gate", done=0, total=1))
    specs = _inputs_of(run)
    original, absent = _original(run, settings, progress)
    samples = _samples(run, settings, original, specs)
    comparable = original is not None and samples.comparable
    reopening_gate(
        run.model_path,
        feeds=samples.feeds,
        original=run_model(original.model_path, samples.feeds)
        if original is not None and comparable
        else None,
    )
    progress(Progress(stage="gate", done=1, total=1))
    return tuple(note for note in (absent, samples.note) if note is not None)


def _inputs_of(run: FinishedRun) -> Sequence[TensorSpec]:
    try:
        return signature(load_model(run.model_path)).inputs
    except (SourceError, ExternalDataError) as error:
        raise PublishGateError(f"the model does not open: {error}") from error


def _original(
    run: FinishedRun, settings: RunSettings, progress: ProgressCallback
) -> tuple[Artifact | None, str | None]:
    """Return the original, or why it is not at hand."""
    try:
        artifact = resolve(settings.source, cache=cache_folder(), progress=progress)
        digest = model_digest(artifact.model_path)
    except NOT_AT_HAND as error:
        return None, f"not held against the original, which is not at hand: {error}"
    if digest != run.report.get("model_sha256"):
        return None, f"not held against the original: '{settings.source}' is another model now"
    return artifact, None


def _samples(
    run: FinishedRun,
    settings: RunSettings,
    original: Artifact | None,
    specs: Sequence[TensorSpec],
) -> _Samples:
    """Return the inputs that the search saw, or synthetic ones where those are gone."""
    artifact = original or describe(str(run.model_path), run.folder, run.model_path)
    try:
        if original is None and settings.data is None:
            raise InputError("the inputs came with the original")
        inputs, _ = gather_inputs(
            artifact,
            specs,
            data=settings.data,
            search=_search_side(run),
            seed=settings.seed,
        )
    except (InputError, SampleError) as error:
        drawn = load_inputs(
            "synthetic", artifact=artifact, specs=specs, count=MOST_INPUTS, seed=settings.seed
        )
        note = f"checked on synthetic inputs, without those of the run: {error}"
        return _Samples(feeds=drawn.feeds, comparable=False, note=note)
    searched = _searched(run)
    seen = [index for index, name in enumerate(inputs.names) if name in searched]
    chosen = seen or range(len(inputs))
    return _Samples(feeds=inputs.subset(chosen[:MOST_INPUTS]).feeds)


def _search_side(run: FinishedRun) -> int:
    """Return how many inputs the run asked for beside those of the certificate."""
    recipe = load_recipe(str(run.folder / RECIPE_FILE))
    calibrated = read_plan(run.folder / PLAN_FILE).calibration is not None
    return recipe.search.search_inputs + recipe.fitting_inputs(observing=calibrated)


def _searched(run: FinishedRun) -> frozenset[str]:
    split = json.loads((run.folder / SPLIT_FILE).read_text("utf-8"))
    return frozenset(map(str, split["search"]))
