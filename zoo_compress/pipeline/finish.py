"""From the best trial to a written, checked, timed, certified and reported model."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo_compress.core import Certificate, Plan, Progress, Trial
from zoo_compress.errors import PublishGateError
from zoo_compress.pipeline.attempt import Attempt
from zoo_compress.pipeline.certify import certify_all
from zoo_compress.pipeline.folder import MODEL_FILE, PENDING_FOLDER, REJECTED_FOLDER
from zoo_compress.pipeline.latency import measure_latency
from zoo_compress.pipeline.publish import publish
from zoo_compress.pipeline.record import run_record
from zoo_compress.pipeline.write import write_plan
from zoo_compress.runtime.evaluator import run_model
from zoo_compress.runtime.gate import GateReport, publish_gate
from zoo_compress.runtime.latency import Latency
from zoo_compress.runtime.memory import give_back

# The gate's process has to load the model before it runs the search inputs; a run has passed
# over them often before.
GATE_SECONDS = 600.0
GATE_SLOWDOWN = 2.0


def finish(
    attempt: Attempt,
    best: Trial,
    trials: Sequence[Trial],
    *,
    earlier: Sequence[Certificate] = (),
    latency: Latency | None = None,
) -> dict[str, Any]:
    """Write the model of the best trial, hold it against the search, time, certify and report it.

    The checked model takes the place of the checkpoint, which is removed. An attempt that ends
    before leaves the run as it was: the next one begins this anew.

    Args:
        attempt: The command that ends with this.
        best: The trial whose model is wanted.
        trials: All trials.
        earlier: Statements that led to choosing it, to come first in the report.
        latency: What was measured of its model, if that led to choosing it.

    Returns:
        The content of `run.json`.

    Raises:
        PublishGateError: If the written file is not what the search measured.
        DiskFullError: If there is no space; the trials stay, and the run can be resumed.
    """
    study, searched_until = attempt.study, attempt.elapsed
    pending = study.settings.folder / PENDING_FOLDER
    shutil.rmtree(pending, ignore_errors=True)
    pending.mkdir()
    try:
        files = _write(attempt, best.plan, pending)
        gate = _pass_gate(attempt, best, files)
        latency = latency or measure_latency(study, files[0], attempt.progress)
        certificates = [*earlier, *certify_all(study, files[0], attempt.progress)]
        report = run_record(
            attempt,
            best,
            trials,
            files=files,
            gate=gate,
            latency=latency,
            certificates=certificates,
            finishing=attempt.elapsed - searched_until,
        )
        complete = publish(study, best.plan, files, report, trials)
    finally:
        shutil.rmtree(pending, ignore_errors=True)
    attempt.checkpoint.discard()
    return complete


def _write(attempt: Attempt, plan: Plan, folder: Path) -> tuple[Path, ...]:
    study = attempt.study
    attempt.progress(Progress(stage="write", done=0, total=1))
    files = write_plan(study.prepared, plan, study.encoder, folder / MODEL_FILE)
    attempt.progress(Progress(stage="write", done=1, total=1))
    return files


def _pass_gate(attempt: Attempt, best: Trial, files: Sequence[Path]) -> GateReport:
    """Hold the file against the search in a fresh process; set one that fails aside."""
    study = attempt.study
    attempt.progress(Progress(stage="gate", done=0, total=1))
    feeds = study.inputs.subset(study.split.search).feeds
    searched = study.on_the_cpu().outputs(best.plan, range(len(feeds)))
    # From here on files are run. Opening one takes more memory than running it.
    study.encoder.forget()
    original = run_model(study.artifact.model_path, feeds)
    give_back()
    try:
        report = publish_gate(
            files[0],
            feeds=feeds,
            searched=searched,
            original=original,
            predicted_bytes=best.measurement.stored_bytes,
            data_files=files[1:],
            timeout=GATE_SECONDS + GATE_SLOWDOWN * study.candidates.seconds["forward"],
        )
    except PublishGateError as error:
        rejected = study.settings.folder / REJECTED_FOLDER
        shutil.rmtree(rejected, ignore_errors=True)
        files[0].parent.replace(rejected)
        attempt.checkpoint.discard()
        raise PublishGateError(f"{error}; the file is kept in '{rejected}'") from error
    attempt.progress(Progress(stage="gate", done=1, total=1))
    return report
