"""The record of a run, `run.json`: what was asked, done, found and certified."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo_compress.core import Artifact, Certificate, Plan, TensorSpec, Trial
from zoo_compress.graph.load import load_model
from zoo_compress.graph.operators import other_operators
from zoo_compress.hub.companions import model_type_of
from zoo_compress.pipeline.attempt import Attempt
from zoo_compress.pipeline.certify import certificate_record
from zoo_compress.pipeline.companions import copied_companions
from zoo_compress.pipeline.deadline import overrun_note
from zoo_compress.pipeline.folder import PLAN_FILE
from zoo_compress.pipeline.latency import latency_record, slowness_note
from zoo_compress.pipeline.request import request_record
from zoo_compress.pipeline.space import weight_bytes
from zoo_compress.pipeline.study import Study
from zoo_compress.pipeline.time_record import doubt_note, site_times_of, slower_note, time_record
from zoo_compress.runtime.environment import hardware, versions
from zoo_compress.runtime.gate import GateReport
from zoo_compress.runtime.latency import Latency
from zoo_compress.search.scan import scan_evaluations


def run_record(
    attempt: Attempt,
    best: Trial,
    trials: Sequence[Trial],
    *,
    files: Sequence[Path],
    gate: GateReport,
    latency: Latency,
    certificates: Sequence[Certificate],
    finishing: float,
) -> dict[str, Any]:
    """Return the content of `run.json`: JSON values only, None for what is not finite.

    Args:
        attempt: The command that ends now.
        best: The trial whose model was written.
        trials: All trials of the run.
        files: The written model.
        gate: What the gate found about it.
        latency: How long it takes beside the original.
        certificates: What is certified of it, what says most first.
        finishing: Seconds since the search ended.
    """
    study, found = attempt.study, best.measurement
    scan = _scan(attempt)
    uniform = attempt.uniform
    attempt.spending.charge("finish")
    compressed = sum(file.stat().st_size for file in files)
    original = study.artifact.stored_bytes
    folder = study.settings.folder
    return {
        "source": study.settings.source,
        "revision": study.artifact.revision,
        "origin": origin_record(study.artifact),
        "original_file": _original_file(study.artifact),
        "inputs": [_port(spec) for spec in study.signature.inputs],
        "outputs": [_port(spec) for spec in study.signature.outputs],
        "seed": study.settings.seed,
        "budget": str(study.aim),
        # A point of another run's frontier was not asked for by a run.
        "request": request_record(study) if attempt.searching else None,
        "original_bytes": original,
        "compressed_bytes": compressed,
        "size_ratio": compressed / original,
        "trial": best.number,
        "distance_name": study.distance.name,
        "distance_scale": study.distance.scale,
        "distance": found.distance,
        "distance_standard_error": found.standard_error,
        "relative_distance": _finite(study.distance.relative(found.distance)),
        "search_inputs": found.inputs,
        "search_disagreement": found.disagreement,
        "certificate": certificate_record(certificates[0]),
        "certificates": [certificate_record(certificate) for certificate in certificates],
        "evaluations": scan["measured"] + len(trials),
        "scan": scan,
        "seconds": attempt.spending.seconds(),
        "strategy": study.strategy,
        "plan_path": str(folder / PLAN_FILE),
        "model_path": str(folder / files[0].name),
        "versions": versions(),
        "device": str(study.candidates.evaluator.device),
        "hardware": hardware(study.candidates.evaluator.device),
        "recipe": study.recipe.name,
        "uniform": uniform,
        "data": study.inputs.description,
        "task": study.task,
        "gate": {
            "relative_difference": gate.relative_difference,
            "relative_distance": gate.relative_distance,
            "opening_bytes": gate.opening_bytes,
        },
        "latency": latency_record(latency),
        "latency_budget": time_record(attempt, latency),
        "model_type": model_type_of(study.artifact.companions),
        "companions": list(copied_companions(study.artifact)),
        "simplified": study.prepared.simplified,
        "raised_to": study.prepared.raised_to,
        "model_sha256": study.digest,
        "notes": _notes(attempt, scan, latency, finishing),
        "removal": _removal(study),
        "repair": _repair(study),
        "folded": all(study.sized.techniques[name].folded for name in _techniques(best.plan)),
        "techniques": _techniques(best.plan),
        "operators": other_operators(load_model(files[0])),
        "sites": _sites(study, best.plan, site_times_of(attempt, best.plan)),
    }


def origin_record(artifact: Artifact) -> dict[str, Any]:
    """Return where the original comes from, and what its model card says about it."""
    return {
        "repo_id": artifact.repo_id,
        "revision": artifact.revision,
        "file": artifact.file,
        "licence": artifact.licence,
        "gated": artifact.gated,
        "metadata": dict(artifact.metadata),
        "exported": artifact.exported,
    }


def _original_file(artifact: Artifact) -> str:
    """Return the name of the original's file, or of the folder that it was exported from."""
    if artifact.exported and artifact.repo_id is None:
        return Path(artifact.source).resolve().name
    return artifact.model_path.name


def _port(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "shape": list(spec.shape), "dtype": spec.dtype}


def _techniques(plan: Plan) -> list[str]:
    return sorted({option.technique for option in plan.choices.values()})


def _repair(study: Study) -> dict[str, Any] | None:
    kinds = ["equalisation"] if study.prepared.equalised else []
    if study.calibration is None:
        return {"kinds": kinds, "inputs": 0} if kinds else None
    fitted = study.split.calibrate or study.split.search
    return {"kinds": [*kinds, *study.calibration.repair], "inputs": len(fitted)}


def _removal(study: Study) -> dict[str, Any] | None:
    """Return what was removed from the graph, by kind; None if nothing was."""
    removal = study.removal
    if removal is None:
        return None
    counts = {
        kind: {"removed": removal.removed(kind), "of": total}
        for kind, total in removal.prunable.items()
        if removal.removed(kind)
    }
    return {"counts": counts, "compensated": removal.compensated}


def _scan(attempt: Attempt) -> dict[str, int]:
    return {
        "planned": scan_evaluations(attempt.study.sized.space),
        "measured": len(attempt.store.scanned()),
    }


def _notes(
    attempt: Attempt, scan: dict[str, int], latency: Latency, finishing: float
) -> list[str]:
    notes = list(attempt.study.notes)
    told = slowness_note(latency), doubt_note(attempt, latency), slower_note(attempt)
    notes += [note for note in told if note]
    if scan["measured"] < scan["planned"]:
        notes.append(
            f"for lack of time the scan measured {scan['measured']} of {scan['planned']} options "
            "and predicted the others; a resumed run measures them"
        )
    overrun = overrun_note(
        attempt.study.settings.seconds, elapsed=attempt.elapsed, finishing=finishing
    )
    return notes if overrun is None else [*notes, overrun]


def _sites(
    study: Study, plan: Plan, times: Mapping[str, dict[str, float] | None]
) -> list[dict[str, Any]]:
    """Return how each weight is stored; its bias is counted neither before nor after."""
    halved = study.prepared.halved_biases(study.recipe.biases)
    records = []
    for site in study.sized.offered.sites:
        option, dense_bytes = plan.choices.get(site.name), weight_bytes(site)
        bias = halved.get(site.bias or "", 0)
        records.append(
            {
                "name": site.name,
                "shape": list(site.shape),
                "original_bytes": dense_bytes,
                "stored_bytes": dense_bytes if option is None else option.stored_bytes - bias,
                "option": None if option is None else option.label,
                **({"time": times[site.name]} if site.name in times else {}),
            }
        )
    return records


def _finite(value: float) -> float | None:
    """Return a number that JSON can hold; None for infinity."""
    return value if math.isfinite(value) else None
