"""All that comparing two models takes, checked before they are compared."""

from __future__ import annotations

from dataclasses import dataclass

from zoo_compress.core import Artifact, ProgressCallback
from zoo_compress.errors import InputError
from zoo_compress.graph.load import load_model
from zoo_compress.graph.signature import signature
from zoo_compress.hub.resolve import resolve
from zoo_compress.pipeline.certification import CertifySettings
from zoo_compress.pipeline.certify import is_share_of_variance
from zoo_compress.pipeline.limits import (
    DISAGREEMENT,
    DISTANCE,
    besides,
    fewest_for_disagreement,
    fewest_for_distance,
    require_enough,
)
from zoo_compress.pipeline.pair_inputs import PairInputs, pair_inputs
from zoo_compress.pipeline.settings import cache_folder
from zoo_compress.pipeline.yardstick import Yardstick, choose_yardstick
from zoo_compress.runtime.pairs import ModelPair
from zoo_compress.stats.bounds import required_inputs
from zoo_compress.stats.certificates import QUANTILES

FEWEST_FOR_PAIRS = 3
"""Samples that the variance of a distance of degree 2 takes."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Two models, the inputs to compare them on, and what to measure them by.

    Attributes:
        settings: What the user asked.
        original: The original model.
        compressed: The other model.
        pair: Both, open.
        chosen: The inputs.
        yardstick: The task and the distance.
    """

    settings: CertifySettings
    original: Artifact
    compressed: Artifact
    pair: ModelPair
    chosen: PairInputs
    yardstick: Yardstick

    @property
    def apart(self) -> int:
        """How many of the first inputs only set the scale of the distance."""
        return self.chosen.overlap if is_share_of_variance(self.yardstick.distance) else 0


def set_up(settings: CertifySettings, progress: ProgressCallback) -> Bench:
    """Fetch and open the models, load the inputs, and check that they suffice.

    Raises:
        InputError: If the data does not fit, is too little for a statement or a limit, or a limit
            does not fit the outputs.
        SourceError: If a model cannot be read, or the two have other inputs or outputs.
        OriginalModelError: If the original returns NaN or infinity.
        ZooCompressError: For whatever else is wrong with a source.
    """
    if settings.inputs is not None:
        _require_answers(settings, settings.inputs)
    original = resolve(settings.original, cache=cache_folder(), progress=progress)
    compressed = resolve(settings.compressed, cache=cache_folder(), progress=progress)
    pair = ModelPair(original.model_path, compressed.model_path)
    chosen = pair_inputs(
        original,
        compressed,
        signature(load_model(original.model_path)).inputs,
        data=settings.data,
        count=settings.inputs,
        seed=settings.seed,
    )
    _require_answers(settings, len(chosen.inputs))
    yardstick = choose_yardstick(
        original, pair, chosen.scale, task=settings.task, distance=settings.distance
    )
    bench = Bench(
        settings=settings,
        original=original,
        compressed=compressed,
        pair=pair,
        chosen=chosen,
        yardstick=yardstick,
    )
    _require_classes(bench)
    _require_distances(bench)
    return bench


def _require_answers(settings: CertifySettings, available: int) -> None:
    """Check that there are inputs enough for the limit on the disagreement."""
    limit, confidence = settings.max_disagreement, settings.confidence
    if limit is not None:
        needed = fewest_for_disagreement(limit, confidence)
        require_enough(
            DISAGREEMENT, limit, needed=needed, available=available, confidence=confidence
        )


def _require_classes(bench: Bench) -> None:
    settings = bench.settings
    if settings.max_disagreement is not None and bench.yardstick.task != "classification":
        raise InputError(
            f"{DISAGREEMENT}: '{settings.original}' is not known to be a classifier; say so with "
            f"--task classification, or set {DISTANCE}"
        )


def _require_distances(bench: Bench) -> None:
    """Check that there are enough for the statements about the distance, and for its limit."""
    distance, limit = bench.yardstick.distance, bench.settings.max_distance
    confidence = bench.settings.confidence
    available = len(bench.chosen.inputs) - bench.apart
    if limit is not None:
        require_enough(
            DISTANCE,
            limit,
            needed=fewest_for_distance(distance, limit, confidence),
            available=available,
            confidence=confidence,
            apart=bench.apart,
        )
    per_sample = required_inputs(min(QUANTILES), confidence)
    needed = per_sample if distance.degree == 1 else FEWEST_FOR_PAIRS
    if available < needed:
        raise InputError(
            f"{available} inputs{besides(bench.apart)} are too few to certify anything: {needed} "
            "are needed, more are better"
        )
