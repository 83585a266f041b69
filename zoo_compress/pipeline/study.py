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
from zoo_compress.data.split import Split, split_inputs
from zoo_compress.errors import InputError, OriginalModelError, SourceError
from zoo_compress.graph.load import load_model, model_digest
from zoo_compress.graph.proto import to_light_proto
from zoo_compress.graph.signature import Signature, signature
from zoo_compress.hub.resolve import resolve
from zoo_compress.pipeline.aim import Aim
from zoo_compress.pipeline.calibrate import (
    calibrate,
    calibration_feeds,
    calibration_record,
    observes,
    unrepaired_note,
)
from zoo_compress.pipeline.companions import skipped_companions
from zoo_compress.pipeline.equalise import equalised
from zoo_compress.pipeline.inputs import gather_inputs, pinned
from zoo_compress.pipeline.prepare import Prepared, prepare
from zoo_compress.pipeline.removal import reference_of, removed
from zoo_compress.pipeline.settings import RunSettings, cache_folder
from zoo_compress.pipeline.space import SizedSpace, build_space, load_techniques, thinned
from zoo_compress.pipeline.task import output_task, token_pooling
from zoo_compress.plan import CalibrationRecord, RemovalRecord
from zoo_compress.recipe import Recipe, load_recipe
from zoo_compress.registry import load_plugin
from zoo_compress.runtime.device import CPU, Device, choose_device
from zoo_compress.runtime.evaluator import Evaluator, Outputs
from zoo_compress.runtime.evaluators import evaluator_on
from zoo_compress.runtime.memory import give_back
from zoo_compress.search.deadline import Deadline
from zoo_compress.search.loop import Measurer
from zoo_compress.search.objective import Objective
from zoo_compress.search.problem import Problem
from zoo_compress.search.projection import require_feasible
from zoo_compress.search.scan import Scan
from zoo_compress.stats.bounds import required_inputs
from zoo_compress.stats.certificates import QUANTILES
from zoo_compress.stats.distances import Distance, default_distance, output_distance
from zoo_compress.techniques.base import needed_operator_set
from zoo_compress.techniques.candidates import Candidates
from zoo_compress.techniques.encoder import Encoder

# Enough to notice a rewrite that changes the outputs, few enough to cost nothing.
SIMPLIFICATION_INPUTS = 4
# Of the time that is left, the most that comparing the options of weights may use: the scan
# measures them whether they were compared or not.
RANKING_SHARE = 0.15
# A variance needs two.
FEWEST_SEARCH_INPUTS = 2
INVENTED_RANGES = (
    "the ranges of 8-bit activations come from synthetic inputs: what lies beyond them in real "
    "ones is cut off"
)
UNREPAIRED = "no weight is repaired: synthetic inputs do not show what rounding does to real ones"


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
            inputs) and `rank` (comparing the options of each weight).
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
    aim = Aim.of(settings)
    device, remark = choose_device(settings.device)
    settings, chosen = _with_recipe(settings, aim, device)
    recipe = load_recipe(str(settings.recipe))
    techniques = load_techniques(recipe)
    folded = recipe.remove is None and all(each.folded for each in techniques.values())
    aim.require_speed(recipe.name, folded=folded, device=device.kind)
    observing = observes(techniques)
    strategy = load_plugin("strategies", settings.strategy or recipe.search.strategy)
    progress(Progress(stage="pull", done=0))
    artifact = resolve(settings.source, cache=cache_folder(), progress=progress)
    settings = replace(settings, data=pinned(settings.data))
    aim.require_sense(artifact.stored_bytes)
    interface = signature(load_model(artifact.model_path))
    inputs, warnings = gather_inputs(
        artifact,
        interface.inputs,
        data=settings.data,
        search=recipe.search.search_inputs + recipe.fitting_inputs(observing=observing),
        seed=settings.seed,
    )
    if inputs.synthetic and observing:
        warnings = (*warnings, INVENTED_RANGES)
    if inputs.synthetic and recipe.fitted:
        kept = ("equalisation",) if recipe.equalises else ()
        recipe = recipe.model_copy(update={"repair": kept})
        warnings = (*warnings, UNREPAIRED)
    split = split_inputs(
        inputs,
        search=recipe.search.search_inputs,
        calibrate=recipe.fitting_inputs(observing=observing),
        seed=settings.seed,
    )
    _require_inputs(split, settings.confidence)
    aim.require_inputs(len(split.certify), settings.confidence)
    feeds = inputs.subset(split.search).feeds
    progress(Progress(stage="prepare", done=0))
    prepared = prepare(
        artifact,
        feeds[:SIMPLIFICATION_INPUTS],
        biases=recipe.corrects_biases,
        needed=needed_operator_set(techniques.values()),
    )
    fitted = calibration_feeds(inputs, split)
    prepared, removal = removed(prepared, recipe, inputs, fitted, settings.seed, progress)
    if recipe.equalises:
        prepared = equalised(prepared, feeds[:SIMPLIFICATION_INPUTS])
    sized = build_space(prepared, recipe, techniques)
    most = max(sized.space.separable_bytes(sized.space.largest), artifact.stored_bytes)
    limit_bytes = aim.limit_bytes(artifact.stored_bytes, otherwise=most)
    if searching:
        require_feasible(sized.space, limit_bytes, artifact.stored_bytes)
    evaluator = _evaluator(device, prepared, sized, feeds, reference_of(removal, artifact, feeds))
    progress(Progress(stage="prepare", done=1, total=1))
    laps.end("prepare")
    calibrations = calibrate(
        prepared, fitted, recipe.fitted, observing=observing, seed=settings.seed, progress=progress
    )
    laps.end("calibrate")
    encoder = Encoder(
        sites=sized.space.sites,
        weights=prepared.weights(),
        techniques=sized.techniques,
        calibrations=calibrations,
        halved=prepared.halved_biases(recipe.biases),
    )
    limit = None if settings.seconds is None else Deadline(end=began + settings.seconds)
    sized = thinned(
        sized,
        encoder,
        most=ranked,
        deadline=None if limit is None or ranked is not None else limit.share(RANKING_SHARE),
    )
    laps.end("rank")
    task, doubts = output_task(
        settings.task, artifact, names=evaluator.output_names, outputs=evaluator.reference[0]
    )
    distance = _distance(settings, evaluator, artifact, task)
    return Study(
        settings=settings,
        aim=aim,
        objective=aim.objective(artifact.stored_bytes, scale=distance.scale, task=task),
        limit_bytes=limit_bytes,
        recipe=recipe,
        strategy_type=strategy,
        artifact=artifact,
        digest=model_digest(artifact.model_path),
        signature=interface,
        task=task,
        inputs=inputs,
        split=split,
        prepared=prepared,
        sized=sized,
        candidates=Candidates(model=prepared.model, encoder=encoder, evaluator=evaluator),
        distance=distance,
        encoder=encoder,
        calibration=calibration_record(
            settings, recipe, fitted, observing=observing, removal=removal
        ),
        removal=removal,
        notes=(
            *artifact.notes,
            *([remark] if remark else []),
            *chosen,
            *warnings,
            *prepared.notes,
            *unrepaired_note(prepared, recipe.fitted),
            *doubts,
            *skipped_companions(artifact),
        ),
        seconds=laps.seconds,
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


def _with_recipe(
    settings: RunSettings, aim: Aim, device: Device
) -> tuple[RunSettings, tuple[str, ...]]:
    """Return settings that name a recipe, and a note if another than usual was chosen for them."""
    if settings.recipe is not None:
        return settings, ()
    recipe = aim.recipe(device.kind)
    note = f"recipe {recipe}: the budget is one of latency, and the usual one speeds nothing up"
    return replace(settings, recipe=recipe), () if aim.latency is None else (note,)


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
