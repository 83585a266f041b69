"""All that one run holds in memory: the model, its space, and the means to measure plans."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from zoo_compress.data.split import Split, split_inputs
from zoo_compress.errors import InputError, OriginalModelError, SourceError
from zoo_compress.graph.load import load_model, model_digest
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.graph.signature import Signature, signature
from zoo_compress.hub.resolve import resolve
from zoo_compress.pipeline.companions import skipped_companions
from zoo_compress.pipeline.inputs import gather_inputs
from zoo_compress.pipeline.prepare import Prepared, prepare
from zoo_compress.pipeline.settings import RunSettings, cache_folder
from zoo_compress.pipeline.space import SizedSpace, build_space, load_techniques
from zoo_compress.recipe import Recipe, load_recipe
from zoo_compress.registry import load_plugin
from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.search.budget import Budget
from zoo_compress.search.loop import Measurer
from zoo_compress.search.problem import Problem
from zoo_compress.search.projection import require_feasible
from zoo_compress.search.scan import Scan
from zoo_compress.stats.bounds import required_inputs
from zoo_compress.stats.certificates import QUANTILES
from zoo_compress.stats.distance import OutputDistance
from zoo_compress.techniques.encoder import Encoder

# Enough to notice a rewrite that changes the outputs, few enough to cost nothing.
SIMPLIFICATION_INPUTS = 4
# A variance needs two.
FEWEST_SEARCH_INPUTS = 2
CLASSIFIER_OUTPUT = re.compile(r"logit|prob|score|softmax|class|pred", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Study:
    """The parts that a run works with, built once from its settings.

    Attributes:
        settings: What the user asked for.
        budget: The budget, read.
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
        evaluator: Runs candidates on the search inputs.
        distance: Compares outputs on the search inputs.
        encoder: Encodes weights.
        notes: What the user should know.
    """

    settings: RunSettings
    budget: Budget
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
    evaluator: CpuEvaluator
    distance: OutputDistance
    encoder: Encoder
    notes: tuple[str, ...]

    def sources(self) -> list[Path]:
        """Return the files that the run reads."""
        data = self.settings.data
        artifact = self.artifact
        named = [] if data in (None, "synthetic") else [Path(str(data))]
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
    def measurer(self) -> Measurer:
        """Measures plans on all search inputs."""
        return Measurer(
            space=self.sized.space,
            encoder=self.encoder,
            evaluator=self.evaluator,
            distance=self.distance,
            indices=range(len(self.split.search)),
        )

    @property
    def scan(self) -> Scan:
        """Measures sensitivities on the first search inputs."""
        return Scan(
            space=self.sized.space,
            encoder=self.encoder,
            evaluator=self.evaluator,
            distance=self.distance,
            indices=range(min(self.recipe.search.scan_inputs, len(self.split.search))),
            weights=self.prepared.weights(),
            seed=self.settings.seed,
        )


def build_study(settings: RunSettings, progress: ProgressCallback) -> Study:
    """Fetch the model and everything else that a run needs; nothing is measured yet.

    Raises:
        ZooCompressError: Whatever is wrong with the source, the data, the recipe or the budget.
    """
    budget = Budget.parse(settings.budget)
    recipe = load_recipe(settings.recipe)
    techniques = load_techniques(recipe)
    strategy = load_plugin("strategies", settings.strategy or recipe.search.strategy)
    progress(Progress(stage="pull", done=0))
    artifact = resolve(settings.source, cache=cache_folder(), progress=progress)
    progress(Progress(stage="pull", done=1, total=1))
    limit_bytes = budget.limit_bytes(artifact.stored_bytes)
    interface = signature(load_model(artifact.model_path))
    inputs, warnings = gather_inputs(
        artifact,
        interface.inputs,
        data=settings.data,
        search=recipe.search.search_inputs,
        seed=settings.seed,
    )
    split = split_inputs(inputs, search=recipe.search.search_inputs, seed=settings.seed)
    _require_inputs(split, settings.confidence)
    feeds = inputs.subset(split.search).feeds
    progress(Progress(stage="prepare", done=0, total=2))
    prepared = prepare(artifact, feeds[:SIMPLIFICATION_INPUTS])
    progress(Progress(stage="prepare", done=1, total=2))
    sized = build_space(prepared, recipe, techniques)
    require_feasible(sized.space, limit_bytes, artifact.stored_bytes)
    evaluator = _evaluator(prepared, sized, feeds)
    progress(Progress(stage="prepare", done=2, total=2))
    task, doubts = task_of(settings, artifact, evaluator)
    return Study(
        settings=settings,
        budget=budget,
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
        evaluator=evaluator,
        distance=_distance(evaluator, artifact),
        encoder=Encoder(
            sites=sized.space.sites, weights=prepared.weights(), techniques=sized.techniques
        ),
        notes=(*warnings, *prepared.notes, *doubts, *skipped_companions(artifact)),
    )


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


def _evaluator(prepared: Prepared, sized: SizedSpace, feeds: Sequence[Feed]) -> CpuEvaluator:
    names = [site.name for site in sized.space.sites]
    try:
        return CpuEvaluator(to_compact_proto(prepared.model), feeds, replaceable=names)
    except SourceError as error:
        raise OriginalModelError(f"the original model does not open: {error}") from error


def _distance(evaluator: CpuEvaluator, artifact: Artifact) -> OutputDistance:
    try:
        return OutputDistance(evaluator.reference)
    except ValueError as error:
        raise InputError(f"'{artifact.source}' cannot be compared: {error}") from error


def task_of(
    settings: RunSettings, artifact: Artifact, evaluator: CpuEvaluator
) -> tuple[Task, tuple[str, ...]]:
    """Return what the outputs mean: as the user says, as the origin says, or by their names.

    A single output of shape (1, C), C at least 2, whose name says logits, probabilities, scores
    or classes is a classifier's. Anything else is not guessed at.

    Returns:
        The task, and a note if the origin claims a classifier whose outputs have no classes.

    Raises:
        InputError: If the user claims so.
    """
    shapes = [output.shape for output in evaluator.reference[0] if output.dtype.kind == "f"]
    has_classes = any(shape and shape[-1] > 1 for shape in shapes)
    claimed = settings.task or artifact.task
    if claimed == "classification" and not has_classes:
        reason = f"no output of '{artifact.source}' has two classes or more"
        if settings.task is not None:
            raise InputError(f"--task classification: {reason}; use --task other")
        return "other", (f"not treated as a classifier: {reason}",)
    if claimed is not None:
        return claimed, ()
    one_vector = len(evaluator.output_names) == 1 and len(shapes[0]) == 2 and shapes[0][1] > 1
    named = CLASSIFIER_OUTPUT.search(evaluator.output_names[0])
    return "classification" if one_vector and named else "other", ()
