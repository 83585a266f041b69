"""From the best trial to a written, checked, certified and reported model."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo_compress.core import Certificate, Plan, Progress, ProgressCallback, Trial
from zoo_compress.files import atomic_write
from zoo_compress.pipeline.certify import certify
from zoo_compress.pipeline.companions import copy_companions
from zoo_compress.pipeline.folder import (
    CARD_FILE,
    MODEL_FILE,
    PLAN_FILE,
    REJECTED_PREFIX,
    REPORT_FILE,
)
from zoo_compress.pipeline.study import Study
from zoo_compress.pipeline.write import write_plan
from zoo_compress.plan import PlanFile, plan_record
from zoo_compress.report.card import render_card
from zoo_compress.runtime.environment import hardware, versions
from zoo_compress.runtime.evaluator import run_model
from zoo_compress.runtime.gate import publish_gate
from zoo_compress.search.baseline import largest_uniform_plan
from zoo_compress.search.store import TrialStore


def finish(
    study: Study,
    store: TrialStore,
    best: Trial,
    trials: Sequence[Trial],
    start: float,
    progress: ProgressCallback,
) -> dict[str, Any]:
    """Write the model of the best trial, hold it against the search, certify and report it.

    Returns:
        The content of `run.json`.

    Raises:
        PublishGateError: If the written file is not what the search measured.
        DiskFullError: If there is no space; the trials stay, and the run can be resumed.
    """
    folder = study.settings.folder
    searched = study.evaluator.outputs(
        study.encoder.dense(best.plan), range(len(study.split.search))
    )
    progress(Progress(stage="write", done=0, total=1))
    files = write_plan(study.prepared, best.plan, study.sized.techniques, folder / MODEL_FILE)
    atomic_write(folder / PLAN_FILE, _plan_file(study, best.plan).to_json())
    copy_companions(study.artifact, folder)
    progress(Progress(stage="write", done=1, total=1))
    _pass_gate(study, best, files, searched, progress)
    certificate = certify(study, files[0], progress)
    report = _report(study, store, best, trials, files, certificate, start)
    atomic_write(folder / REPORT_FILE, json.dumps(report, indent=2, allow_nan=False) + "\n")
    atomic_write(
        folder / CARD_FILE, render_card(report, artifact=study.artifact, sites=report["sites"])
    )
    return report


def _plan_file(study: Study, plan: Plan) -> PlanFile:
    return PlanFile(
        source=study.settings.source,
        revision=study.artifact.revision,
        model_sha256=study.digest,
        simplified=study.prepared.simplified,
        choices=plan_record(plan),
        versions=versions(),
    )


def _pass_gate(
    study: Study,
    best: Trial,
    files: Sequence[Path],
    searched: Sequence[tuple[Any, ...]],
    progress: ProgressCallback,
) -> None:
    """Check the file in a fresh process; a file that fails is put out of the way first."""
    progress(Progress(stage="gate", done=0, total=1))
    feeds = study.inputs.subset(study.split.search).feeds
    try:
        publish_gate(
            files[0],
            feeds=feeds,
            searched=searched,
            original=run_model(study.artifact.model_path, feeds),
            predicted_bytes=best.measurement.stored_bytes,
            data_files=files[1:],
        )
    except BaseException:
        for file in files:
            file.replace(file.with_name(f"{REJECTED_PREFIX}{file.name}"))
        raise
    progress(Progress(stage="gate", done=1, total=1))


def _report(
    study: Study,
    store: TrialStore,
    best: Trial,
    trials: Sequence[Trial],
    files: Sequence[Path],
    certificate: Certificate,
    start: float,
) -> dict[str, Any]:
    found = best.measurement
    stored = store.sensitivity()
    scanned = 0 if stored is None else stored[1]
    compressed = sum(file.stat().st_size for file in files)
    original = study.artifact.stored_bytes
    store.add_seconds(
        {
            "total": time.perf_counter() - start,
            "forward": study.evaluator.seconds["forward"],
            "encode": study.encoder.seconds,
        }
    )
    folder = study.settings.folder
    return {
        "source": study.settings.source,
        "revision": study.artifact.revision,
        "seed": study.settings.seed,
        "budget": str(study.budget),
        "original_bytes": original,
        "compressed_bytes": compressed,
        "size_ratio": compressed / original,
        "distance": found.distance,
        "distance_standard_error": found.standard_error,
        "relative_distance": _finite(study.distance.relative(found.distance)),
        "search_inputs": found.inputs,
        "certificate": _certificate_record(certificate),
        "evaluations": scanned + len(trials),
        "seconds": {part: round(value, 3) for part, value in _seconds(store).items()},
        "strategy": study.strategy,
        "plan_path": str(folder / PLAN_FILE),
        "model_path": str(files[0]),
        "versions": versions(),
        "hardware": hardware(),
        "recipe": study.recipe.name,
        "uniform": _uniform(study),
        "data": study.inputs.description,
        "task": study.task,
        "simplified": study.prepared.simplified,
        "model_sha256": study.digest,
        "notes": list(study.notes),
        "sites": _sites(study, best.plan),
    }


def _uniform(study: Study) -> dict[str, Any] | None:
    """Measure the same option for every site, the one that takes most of the budget."""
    found = largest_uniform_plan(study.sized.space, study.limit_bytes)
    if found is None:
        return None
    option, theta = found
    measured = study.measurer.measure(study.sized.space.plan(theta))
    return {
        "option": option.label,
        "size_ratio": measured.stored_bytes / study.artifact.stored_bytes,
        "distance": _finite(measured.distance),
    }


def _seconds(store: TrialStore) -> dict[str, float]:
    spent = store.seconds()
    return {
        part: spent.get(part, 0.0) for part in ("total", "scan", "forward", "encode", "propose")
    }


def _certificate_record(certificate: Certificate) -> dict[str, Any]:
    return {
        "kind": certificate.kind,
        "bound": _finite(certificate.bound),
        "confidence": certificate.confidence,
        "n": certificate.n,
        "observed": _finite(certificate.observed),
        "scope": certificate.scope,
        "statement": certificate.statement,
    }


def _sites(study: Study, plan: Plan) -> list[dict[str, Any]]:
    space = study.sized.space
    records = []
    for site, dense_bytes in zip(space.sites, space.dense_bytes, strict=True):
        option = plan.choices.get(site.name)
        records.append(
            {
                "name": site.name,
                "shape": list(site.shape),
                "original_bytes": dense_bytes,
                "stored_bytes": dense_bytes if option is None else option.stored_bytes,
                "option": None if option is None else option.label,
            }
        )
    return records


def _finite(value: float) -> float | None:
    """Return a number that JSON can hold; None for infinity."""
    return value if math.isfinite(value) else None
