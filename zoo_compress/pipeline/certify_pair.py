"""`certify`: hold any model against its original."""

from __future__ import annotations

from zoo_compress.core import Certificate, ProgressCallback, ignore_progress
from zoo_compress.graph.load import model_digest
from zoo_compress.pipeline.bench import Bench, set_up
from zoo_compress.pipeline.certification import Certification, CertifySettings
from zoo_compress.pipeline.certify import distance_certificates, top_answer_certificates
from zoo_compress.pipeline.comparison import Comparison, compare
from zoo_compress.pipeline.limits import Limit, disagreement_limit, distance_limit
from zoo_compress.pipeline.scope import scope_line

Statements = tuple[Certificate, ...]


def certify_pair(
    settings: CertifySettings, *, progress: ProgressCallback = ignore_progress
) -> Certification:
    """Run an original and any other model on the same inputs and state how far they are apart.

    A limit that is not met is no error here; `Certification.require_limits` makes it one.

    Raises:
        InputError: If the data does not fit, or is too little for a statement or a limit; that is
            found out before the models are compared.
        SourceError: If a model cannot be read, or the two have other inputs or outputs.
        OriginalModelError: If the original returns NaN or infinity.
        ZooCompressError: For whatever else is wrong with a source.
    """
    return certify_bench(set_up(settings, progress), progress=progress)


def certify_bench(bench: Bench, *, progress: ProgressCallback = ignore_progress) -> Certification:
    """Do what `certify_pair` does with models and inputs that are at hand.

    Raises:
        OriginalModelError: If the original returns NaN or infinity.
    """
    original, compressed = bench.original, bench.compressed
    inputs, distance = bench.chosen.inputs, bench.yardstick.distance
    comparison = compare(
        bench.pair,
        inputs,
        distance=distance,
        top_answers=bench.yardstick.task == "classification",
        progress=progress,
    )
    top, rest = _statements(bench, comparison)
    return Certification(
        settings=bench.settings,
        original_bytes=original.stored_bytes,
        compressed_bytes=compressed.stored_bytes,
        identical=model_digest(original.model_path) == model_digest(compressed.model_path),
        task=bench.yardstick.task,
        distance=distance.name,
        scale=distance.scale,
        inputs=len(inputs),
        scale_inputs=bench.apart,
        data=inputs.description,
        synthetic=inputs.synthetic,
        scope=_scope(bench, skip=0),
        certificates=(*top, *rest),
        limits=_limits(bench, top, rest),
        notes=(
            *original.notes,
            *compressed.notes,
            *bench.chosen.notes,
            *bench.yardstick.notes,
            *_unusable(comparison),
        ),
    )


def _statements(bench: Bench, comparison: Comparison) -> tuple[Statements, Statements]:
    """Return what can be said of the top answers, and what of the distance."""
    confidence = bench.settings.confidence
    top = top_answer_certificates(comparison, confidence=confidence, scope=_scope(bench, skip=0))
    rest = distance_certificates(
        comparison.without_first(bench.apart),
        bench.yardstick.distance,
        logits=bench.yardstick.logits,
        confidence=confidence,
        scope=_scope(bench, skip=bench.apart),
    )
    return top, rest


def _scope(bench: Bench, *, skip: int) -> str:
    used = bench.chosen.inputs.subset(range(skip, len(bench.chosen.inputs)))
    return scope_line(used, kept_from_search=bench.chosen.kept_from_search)


def _limits(bench: Bench, top: Statements, rest: Statements) -> tuple[Limit, ...]:
    settings = bench.settings
    found = []
    if settings.max_disagreement is not None:
        found.append(disagreement_limit(settings.max_disagreement, top[0]))
    if settings.max_distance is not None:
        found.append(distance_limit(settings.max_distance, rest[0], bench.yardstick.distance))
    return tuple(found)


def _unusable(comparison: Comparison) -> tuple[str, ...]:
    """Return a note if outputs of the compressed model could not be compared at all."""
    count = comparison.unusable
    if not count:
        return ()
    return (
        f"the compressed model's outputs are NaN, infinite or of another shape for {count} of "
        f"{len(comparison)} inputs",
    )
