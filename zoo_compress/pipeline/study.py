"""All that one run holds in memory: the model, its space, and the means to measure plans."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from zoo_compress.core import (
    Artifact,
    Feed,
    Inputs,
    Progress,
    ProgressCallback,
    Strategy,
    Task,
)
from zoo_compress.data.location import REMOTE, locate
from zoo_compress.data.split import Split
from zoo_compress.errors import InputError, OriginalModelError, SourceError
from zoo_compress.graph.load import model_digest
from zoo_compress.graph.proto import to_light_proto
from zoo_compress.graph.signature import Signature
from zoo_compress.pipeline.aim import Aim
from zoo_compress.pipeline.calibrate import (
    calibrate,
    calibration_record,
    unrepaired_note,
)
from zoo_compress.pipeline.companions import skipped_companions
from zoo_compress.pipeline.equalise import equalised
from zoo_compress.pipeline.integers import integers_note
from zoo_compress.pipeline.material import Material, gather
from zoo_compress.pipeline.opening import opening_note
from zoo_compress.pipeline.prepare import Prepared, prepare
from zoo_compress.pipeline.ranking import thinned
from zoo_compress.pipeline.removal import reference_of, removed
from zoo_compress.pipeline.run_setup import Setup, load_setup
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.space import SizedSpace, build_space
from zoo_compress.pipeline.task import output_task, token_pooling
from zoo_compress.plan import CalibrationRecord, RemovalRecord
from zoo_compress.recipe import Recipe
from zoo_compress.runtime.device import CPU, Device
from zoo_compress.runtime.evaluator import Evaluator, Outputs
from zoo_compress.runtime.evaluators import evaluator_on
from zoo_compress.runtime.memory import give_back
from zoo_compress.search.deadline import Deadline
from zoo_compress.search.loop import Measurer
from zoo_compress.search.objective import Objective
from zoo_compress.search.problem import Problem
from zoo_compress.search.projection import require_feasible
from zoo_compress.search.scan import Scan
from zoo_compress.stats.distances import Distance, default_distance, output_distance
from zoo_compress.techniques.base import needed_operator_set
from zoo_compress.techniques.candidates import Candidates
from zoo_compress.techniques.encoder import Encoder

# Enough to notice a rewrite that changes the outputs, few enough to cost nothing.
REWRITE_INPUTS = 4
# Of the time that is left, the most that comparing the options of weights may use: the scan
# measures them whether they were compared or not.
RANKING_SHARE = 0.15


@dataclass(frozen=True, kw_only=True)
class Study:
    """The parts that a run works with, built once from its settings.

    Attributes:
        settings: What the user asked for.
        aim: What is asked for: a budget or a weight.
        objective: What the search minimises for that.
        limit_bytes: The most bytes that the result may take.
        recipe: The recipe.
        strategy_type: The class of the strategy.
        artifact: The original model.
        digest: Its SHA-256.
        signature: Its inputs and outputs.
        task: What its outputs mean.
        inputs: All samples.
        split: Which of them search and certificate use.
        prepared: The normalized model.
        sized: The space of plans.
        candidates: Runs plans on the search inputs.
        distance: Compares outputs on the search inputs.
        encoder: Encodes weights.
        calibration: What it repairs them with; None for nothing.
        removal: What was removed from the graph first; None for nothing.
        notes: What the user should know.
        seconds: Time that building it took, by `prepare`, `calibrate` (running the calibration
            inputs) and `rank` (comparing the options of some weights).
    """

    settings: RunSettings
    aim: Aim
    objective: Objective
    limit_bytes: int
    recipe: Recipe
    strategy_type: Callable[[Problem], Strategy]
    artifact: Artifact
    digest: str
    signature: Signature
    task: Task
    inputs: Inputs
    split: Split
    prepared: Prepared
    sized: SizedSpace
    candidates: Candidates
    distance: Distance
    encoder: Encoder
    calibration: CalibrationRecord | None
    removal: RemovalRecord | None
    notes: tuple[str, ...]
    seconds: Mapping[str, float]

    def sources(self) -> list[Path]:
        """Return the files that the run reads."""
        data = self.settings.data
        artifact = self.artifact
        local = data not in (None, "synthetic") and not str(data).startswith(REMOTE)
        named = [locate(str(data)).path] if local else []
        return [artifact.model_path, *artifact.data_files, *artifact.companions, *named]

    @property
    def strategy(self) -> str:
        """Name of the strategy."""
        return self.settings.strategy or self.recipe.search.strategy

    @property
    def trials(self) -> int:
        """Plans to measure after the scan."""
        return self.settings.trials or self.recipe.search.trials

    @property
    def most_trials(self) -> int:
        """Plans to measure at most, those for the frontier included."""
        return self.trials + self.recipe.search.frontier

    def on_the_cpu(self) -> Candidates:
        """Return what runs plans where the written file is checked: devices round differently."""
        evaluator = self.candidates.evaluator
        if evaluator.device == CPU:
            return self.candidates
        feeds = self.inputs.subset(self.split.search).feeds
        reference = reference_of(self.removal, self.artifact, feeds)
        return replace(
            self.candidates,
            evaluator=_evaluator(CPU, self.prepared, self.sized, feeds, reference),
        )

    @property
    def measurer(self) -> Measurer:
        """Measures plans on all search inputs."""
        return Measurer(
            space=self.sized.offered,
            candidates=self.candidates,
            distance=self.distance,
            indices=range(len(self.split.search)),
            top_answers=self.task == "classification",
        )

    @property
    def scan(self) -> Scan:
        """Measures sensitivities on the first search inputs."""
        return Scan(
            space=self.sized.space,
            encoder=self.encoder,
            candidates=self.candidates,
            distance=self.distance,
            indices=range(min(self.recipe.search.scan_inputs, len(self.split.search))),
        )


def build_study(
    settings: RunSettings,
    progress: ProgressCallback,
    *,
    searching: bool = True,
    began: float | None = None,
    ranked: int | None = None,
) -> Study:
    """Fetch the model and everything else that a run needs; nothing is measured yet.

    Args:
        settings: What the user asked for.
        progress: Told how far the work has come.
        searching: Whether plans within the budget have to be found; there must be some then.
        began: Reading of `time.perf_counter` from which the time limit counts; None for now.
        ranked: Number of weights whose options the run has compared; None for a new run.

    Raises:
        ZooCompressError: Whatever is wrong with the source, the data, the recipe or the budget.
    """
    began, laps = time.perf_counter() if began is None else began, _Laps()
    setup, material = gather(load_setup(settings), progress)
    progress(Progress(stage="prepare", done=0))
    graph = _prepare(setup, material, progress, searching=searching)
    progress(Progress(stage="prepare", done=1, total=1))
    laps.end("prepare")
    encoder = Encoder(
        sites=graph.sized.space.sites,
        weights=graph.prepared.weights(),
        techniques=graph.sized.techniques,
        calibrations=calibrate(
            graph.prepared,
            material.fitted,
            setup.recipe.fitted,
            observing=setup.observing,
            seed=settings.seed,
            progress=progress,
        ),
        halved=graph.prepared.halved_biases(setup.recipe.biases),
    )
    laps.end("calibrate")
    limit = None if settings.seconds is None else Deadline(end=began + settings.seconds)
    sized = thinned(
        graph.sized,
        encoder,
        most=ranked,
        deadline=None if limit is None or ranked is not None else limit.share(RANKING_SHARE),
    )
    laps.end("rank")
    evaluator, artifact = graph.evaluator, material.artifact
    task, doubts = output_task(
        settings.task, artifact, names=evaluator.output_names, outputs=evaluator.reference[0]
    )
    distance = _distance(settings, evaluator, artifact, task)
    return Study(
        settings=setup.settings,
        aim=setup.aim,
        objective=setup.aim.objective(artifact.stored_bytes, scale=distance.scale, task=task),
        limit_bytes=graph.limit_bytes,
        recipe=setup.recipe,
        strategy_type=setup.strategy_type,
        artifact=artifact,
        digest=model_digest(artifact.model_path),
        signature=material.signature,
        task=task,
        inputs=material.inputs,
        split=material.split,
        prepared=graph.prepared,
        sized=sized,
        candidates=Candidates(model=graph.prepared.model, encoder=encoder, evaluator=evaluator),
        distance=distance,
        encoder=encoder,
        calibration=calibration_record(
            setup.settings,
            setup.recipe,
            material.fitted,
            observing=setup.observing,
            removal=graph.removal,
        ),
        removal=graph.removal,
        notes=(
            *artifact.notes,
            *setup.notes,
            *graph.prepared.notes,
            *unrepaired_note(graph.prepared, setup.recipe.fitted),
            *opening_note(artifact.stored_bytes, setup.techniques),
            *integers_note(sized),
            *doubts,
            *skipped_companions(artifact),
        ),
        seconds=laps.seconds,
    )


@dataclass(frozen=True, kw_only=True)
class _Graph:
    """The graph whose weights are to be replaced, its space of plans, and what runs them."""

    prepared: Prepared
    removal: RemovalRecord | None
    sized: SizedSpace
    limit_bytes: int
    evaluator: Evaluator


def _prepare(
    setup: Setup, material: Material, progress: ProgressCallback, *, searching: bool
) -> _Graph:
    """Normalize the graph, remove from it what the recipe says, and size its options."""
    recipe, artifact, few = setup.recipe, material.artifact, material.feeds[:REWRITE_INPUTS]
    prepared = prepare(
        artifact,
        few,
        biases=recipe.corrects_biases,
        needed=needed_operator_set(setup.techniques.values(), model_bytes=artifact.stored_bytes),
    )
    prepared, removal = removed(
        prepared, recipe, material.inputs, material.fitted, setup.settings.seed, progress
    )
    if recipe.equalises:
        prepared = equalised(prepared, few)
    sized = build_space(prepared, recipe, setup.techniques)
    most = max(sized.space.separable_bytes(sized.space.largest), artifact.stored_bytes)
    limit_bytes = setup.aim.limit_bytes(artifact.stored_bytes, otherwise=most)
    if searching:
        require_feasible(sized.space, limit_bytes, artifact.stored_bytes)
    reference = reference_of(removal, artifact, material.feeds)
    return _Graph(
        prepared=prepared,
        removal=removal,
        sized=sized,
        limit_bytes=limit_bytes,
        evaluator=_evaluator(setup.device, prepared, sized, material.feeds, reference),
    )


class _Laps:
    """Takes the time of what follows each other, and gives back the memory that each has freed.

    Attributes:
        seconds: Time by name.
    """

    def __init__(self) -> None:
        self.seconds = dict[str, float]()
        self._last = time.perf_counter()

    def end(self, name: str) -> None:
        """Take the time since the last end."""
        give_back()
        now = time.perf_counter()
        self.seconds[name], self._last = now - self._last, now


def _evaluator(
    device: Device,
    prepared: Prepared,
    sized: SizedSpace,
    feeds: Sequence[Feed],
    reference: Sequence[Outputs] | None,
) -> Evaluator:
    model, supplied = to_light_proto(prepared.model)
    try:
        return evaluator_on(
            device,
            model,
            feeds,
            replaceable=sized.space.tensors,
            reference=reference,
            supplied=supplied,
        )
    except SourceError as error:
        raise OriginalModelError(f"the original model does not open: {error}") from error


def _distance(
    settings: RunSettings, evaluator: Evaluator, artifact: Artifact, task: Task
) -> Distance:
    try:
        return output_distance(
            settings.distance or default_distance(task),
            evaluator.reference,
            pooling=token_pooling(task, artifact),
        )
    except ValueError as error:
        raise InputError(f"'{artifact.source}' cannot be compared: {error}") from error
