"""Which trial keeps a disagreement budget, certified along the frontier."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace

from zoo_compress.core import Certificate, Trial
from zoo_compress.errors import BudgetError
from zoo_compress.pipeline.attempt import Attempt
from zoo_compress.pipeline.comparison import compare
from zoo_compress.pipeline.folder import MODEL_FILE, PENDING_FOLDER
from zoo_compress.pipeline.scope import scope_line
from zoo_compress.pipeline.write import write_plan
from zoo_compress.runtime.pairs import ModelPair
from zoo_compress.search.frontier import pareto_front
from zoo_compress.stats.bounds import clopper_pearson_upper
from zoo_compress.stats.certificates import certify_sequence

# Every model tested costs a pass over the certification inputs.
LARGER_TESTED = 3
SMALLER_TESTED = 2


def certified_choice(
    attempt: Attempt, best: Trial, trials: Sequence[Trial]
) -> tuple[Trial, Certificate]:
    """Return the most compressed trial that keeps the disagreement budget, and the statement.

    The search inputs fix the models and their order beforehand: the closest one of the frontier,
    a few larger than the best trial, that one, and a few smaller. They are tested in this order
    on the certification inputs, each at full confidence, up to the first that fails.

    Raises:
        BudgetError: If already the first fails.
    """
    study, aim = attempt.study, attempt.study.aim
    assert aim.budget is not None
    sequence = tested_sequence(best, trials)
    inputs = study.inputs.subset(study.split.certify)
    limit, confidence = aim.budget.value, study.settings.confidence
    counts: list[int] = []
    for count in _differing(attempt, sequence):
        counts.append(count)
        if clopper_pearson_upper(count, len(inputs), confidence) > limit:
            break
    tested = certify_sequence(
        counts,
        len(inputs),
        limit=limit,
        confidence=confidence,
        scope=scope_line(inputs, kept_from_search=True),
    )
    if tested.last is None or tested.certificate is None:
        size = sequence[0].measurement.stored_bytes / study.artifact.stored_bytes
        raise BudgetError(
            f"budget {aim}: even a model of {size:.4f} of the original's size can only be "
            f"certified to disagree on at most {tested.bounds[0]:.4f} of the inputs; allow more, "
            "or give more data"
        )
    statement = (
        f"With {100 * confidence:.4g} % confidence the compressed model's top answer differs from "
        f"the original's on at most {100 * limit:.4g} % of inputs ({counts[tested.last]} of "
        f"{len(inputs)} did). It is the last to pass of {len(counts)} models, tested in an order "
        "fixed beforehand, from the least to the most compressed."
    )
    return sequence[tested.last], replace(tested.certificate, statement=statement)


def tested_sequence(best: Trial, trials: Sequence[Trial]) -> list[Trial]:
    """Return which trials are tested, the least compressed first."""
    front = pareto_front(trials)
    size = best.measurement.stored_bytes
    larger = [trial for trial in front if trial.measurement.stored_bytes > size]
    smaller = [trial for trial in front if trial.measurement.stored_bytes < size]
    nearest = larger[1:][-LARGER_TESTED:]
    return [*larger[:1], *nearest, best, *smaller[:SMALLER_TESTED]]


def _differing(attempt: Attempt, sequence: Sequence[Trial]) -> Iterator[int]:
    """Write one model after the other and count the answers that it changes."""
    study = attempt.study
    inputs = study.inputs.subset(study.split.certify)
    pending = study.settings.folder / PENDING_FOLDER
    for trial in sequence:
        shutil.rmtree(pending, ignore_errors=True)
        pending.mkdir()
        try:
            path = pending / MODEL_FILE
            write_plan(study.prepared, trial.plan, study.encoder, path)
            found = compare(
                ModelPair(study.artifact.model_path, path),
                inputs,
                distance=study.distance,
                top_answers=True,
                progress=attempt.progress,
            )
        finally:
            shutil.rmtree(pending, ignore_errors=True)
        assert found.differing is not None
        yield int(found.differing.sum())
