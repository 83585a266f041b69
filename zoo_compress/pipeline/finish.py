"""From the best trial to a written, checked, certified and reported model."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo_compress.core import Certificate, Plan, Progress, ProgressCallback, Trial
from zoo_compress.errors import PublishGateError
from zoo_compress.files import atomic_write
from zoo_compress.pipeline.certify import certify
from zoo_compress.pipeline.companions import copied_companions, copy_companions
from zoo_compress.pipeline.folder import (
    CARD_FILE,
    MODEL_FILE,
    PENDING_FOLDER,
    PLAN_FILE,
    REJECTED_FOLDER,
    REPORT_FILE,
)
from zoo_compress.pipeline.study import Study
from zoo_compress.pipeline.write import write_plan
from zoo_compress.plan import PlanFile, plan_record
from zoo_compress.report.card import render_card
from zoo_compress.runtime.environment import hardware, versions
from zoo_compress.runtime.evaluator import run_model
from zoo_compress.runtime.gate import GateReport, publish_gate
from zoo_compress.search.baseline import largest_uniform_plan
from zoo_compress.search.store import TrialStore

# The gate's process has to load the model before it runs the search inputs; a run has passed
# over them often before.
GATE_SECONDS = 600.0
GATE_SLOWDOWN = 2.0


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
    pending = folder / PENDING_FOLDER
    shutil.rmtree(pending, ignore_errors=True)
    pending.mkdir()
    try:
        files = _write(study, best.plan, pending, progress)
        gate = _pass_gate(study, best, files, progress)
        certificate = certify(study, files[0], progress)
        report = _report(study, store, best, trials, files, gate, certificate, start)
        _publish(study, best.plan, files, report)
    finally:
        shutil.rmtree(pending, ignore_errors=True)
    return report


def _write(study: Study, plan: Plan, folder: Path, progress: ProgressCallback) -> tuple[Path, ...]:
    progress(Progress(stage="write", done=0, total=1))
    files = write_plan(
        study.prepared, plan, study.sized.techniques, study.encoder, folder / MODEL_FILE
    )
    progress(Progress(stage="write", done=1, total=1))
    return files


def _publish(study: Study, plan: Plan, files: Sequence[Path], report: dict[str, Any]) -> None:
    """Move the checked model into the run's folder, with all that speaks of it.

    What spoke of an earlier model goes first and the report comes last: where there is a
    `run.json`, it is about the model beside it.
    """
    folder = study.settings.folder
    card = render_card(
        report,
        artifact=study.artifact,
        sites=report["sites"],
        inputs=study.signature.inputs,
    )
    for name in (REPORT_FILE, CARD_FILE):
        (folder / name).unlink(missing_ok=True)
    for file in files:
        file.replace(folder / file.name)
    atomic_write(folder / PLAN_FILE, _plan_file(study, plan).to_json())
    copy_companions(study.artifact, folder)
    atomic_write(folder / CARD_FILE, card)
    atomic_write(folder / REPORT_FILE, json.dumps(report, indent=2, allow_nan=False) + "\n")


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
    study: Study, best: Trial, files: Sequence[Path], progress: ProgressCallback
) -> GateReport:
    """Hold the file against the search in a fresh process; set one that fails aside."""
    progress(Progress(stage="gate", done=0, total=1))
    feeds = study.inputs.subset(study.split.search).feeds
    searched = study.evaluator.outputs(study.encoder.dense(best.plan), range(len(feeds)))
    try:
        report = publish_gate(
            files[0],
            feeds=feeds,
            searched=searched,
            original=run_model(study.artifact.model_path, feeds),
            predicted_bytes=best.measurement.stored_bytes,
            data_files=files[1:],
            timeout=GATE_SECONDS + GATE_SLOWDOWN * study.evaluator.seconds["forward"],
        )
    except PublishGateError as error:
        rejected = study.settings.folder / REJECTED_FOLDER
        shutil.rmtree(rejected, ignore_errors=True)
        files[0].parent.replace(rejected)
        raise PublishGateError(f"{error}; the file is kept in '{rejected}'") from error
    progress(Progress(stage="gate", done=1, total=1))
    return report


def _report(
    study: Study,
    store: TrialStore,
    best: Trial,
    trials: Sequence[Trial],
    files: Sequence[Path],
    gate: GateReport,
    certificate: Certificate,
    start: float,
) -> dict[str, Any]:
    found = best.measurement
    stored = store.sensitivity()
    scanned = 0 if stored is None else stored[1]
    uniform = _uniform(study)
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
        "model_path": str(folder / files[0].name),
        "versions": versions(),
        "hardware": hardware(),
        "recipe": study.recipe.name,
        "uniform": uniform,
        "data": study.inputs.description,
        "task": study.task,
        "gate": {
            "relative_difference": gate.relative_difference,
            "relative_distance": gate.relative_distance,
        },
        "companions": [path.name for path in copied_companions(study.artifact)],
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
