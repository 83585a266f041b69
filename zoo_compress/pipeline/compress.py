"""`run` and `resume`: the whole story of a compression."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo_compress.core import ProgressCallback, Trial, ignore_progress
from zoo_compress.errors import BudgetError, OutputError, SearchInterrupted
from zoo_compress.pipeline.agreement import certified_choice
from zoo_compress.pipeline.attempt import Attempt, open_attempt
from zoo_compress.pipeline.fingerprint import check_fingerprint, has_fingerprint, noted_ranking
from zoo_compress.pipeline.finish import finish
from zoo_compress.pipeline.folder import check_folder, holds_run
from zoo_compress.pipeline.search import search
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.start import announced, begin, begin_again
from zoo_compress.pipeline.study import build_study


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run has left behind.

    Attributes:
        report: The content of `run.json`.
        folder: The run's folder.
        notes: What the user should know.
    """

    report: dict[str, Any]
    folder: Path
    notes: tuple[str, ...] = ()


def run(
    settings: RunSettings,
    *,
    began: float | None = None,
    progress: ProgressCallback = ignore_progress,
) -> RunResult:
    """Compress a model to a budget and certify the result.

    Pull, find sites, split the inputs, scan sensitivities, search, write the best plan's model,
    pass the publish gate, certify on the untouched inputs, report. From the first moment on, the
    run can be resumed whatever ends it, and from the first trial on, the best model so far is on
    disk.

    Args:
        settings: What is wanted.
        began: Reading of `time.perf_counter` from which the time limit counts; None for now.
        progress: Told how far the work has come.

    Raises:
        SearchInterrupted: If the user stopped it; the best model so far is written.
        ZooCompressError: For everything else that the user can mend; see `zoo_compress.errors`.
    """
    began = time.perf_counter() if began is None else began
    check_folder(settings.folder, overwrite=settings.overwrite)
    with announced(settings):
        study = build_study(settings, progress, began=began)
        begin(study)
    return _go(open_attempt(study, began=began, progress=progress))


def resume(
    folder: Path,
    *,
    seconds: float | None = None,
    began: float | None = None,
    progress: ProgressCallback = ignore_progress,
) -> RunResult:
    """Go on with a run that was stopped; what it has measured is not measured again.

    Args:
        folder: The run's folder.
        seconds: Time that the rest should take; None for no limit.
        began: Reading of `time.perf_counter` from which that time counts; None for now.
        progress: Told how far the work has come.

    Raises:
        OutputError: If the folder holds no run, or the model, the recipe or the inputs are not
            those that it was started with.
        SearchInterrupted: If the user stopped it again.
        ZooCompressError: As for `run`.
    """
    began = time.perf_counter() if began is None else began
    if not holds_run(folder):
        raise OutputError(f"'{folder}' holds no run: nothing was started there, nothing to resume")
    settings = replace(RunSettings.load(folder), seconds=seconds)
    ranked = noted_ranking(folder) if has_fingerprint(folder) else None
    study = build_study(settings, progress, began=began, ranked=ranked)
    begin_again(study)
    return _go(open_attempt(study, began=began, progress=progress))


def publish_point(
    settings: RunSettings,
    *,
    run: Path,
    best: Trial,
    trials: Sequence[Trial],
    progress: ProgressCallback = ignore_progress,
) -> RunResult:
    """Write, verify and certify the model of a trial of another run, in a folder of its own.

    Args:
        settings: Those of the run, but for the budget and the folder.
        run: Folder of the run whose trial it is.
        best: The trial.
        trials: All trials of that run.
        progress: Told how far the work has come.

    Raises:
        OutputError: If the folder cannot be used, or the model, the recipe or the inputs are not
            those that the run was started with.
        ZooCompressError: As for `run`.
    """
    check_folder(settings.folder, overwrite=settings.overwrite)
    with announced(settings):
        study = build_study(settings, progress, searching=False, ranked=noted_ranking(run))
        check_fingerprint(study, run)
        begin(study)
    attempt = open_attempt(study, began=time.perf_counter(), progress=progress, trials_of=run)
    report = _finish(attempt, best, trials)
    return RunResult(report=report, folder=settings.folder, notes=tuple(report["notes"]))


def _go(attempt: Attempt) -> RunResult:
    study, folder = attempt.study, attempt.study.settings.folder
    trials, interrupted = search(attempt)
    best = attempt.best(trials)
    goes_on = f"`zoo-compress resume {folder}` goes on"
    if best is None and not interrupted:
        raise BudgetError(f"none of {len(trials)} plans meets {study.aim}; allow more")
    if best is None:
        raise SearchInterrupted(f"stopped before any plan met {study.aim}; {goes_on}")
    try:
        report = _finish(attempt, best, trials)
    except KeyboardInterrupt:
        raise SearchInterrupted(f"{_stopped_unfinished(attempt)}; {goes_on}") from None
    if interrupted:
        raise SearchInterrupted(
            f"stopped after {len(trials)} of {study.trials} trials; the best so far is "
            f"{report['model_path']}; {goes_on}"
        )
    return RunResult(report=report, folder=folder, notes=tuple(report["notes"]))


def _finish(attempt: Attempt, best: Trial, trials: Sequence[Trial]) -> dict[str, Any]:
    """Finish with the best trial, or with the one that keeps a disagreement budget for certain."""
    if not attempt.study.aim.limits_disagreement:
        return finish(attempt, best, trials)
    chosen, certificate = certified_choice(attempt, best, trials)
    return finish(attempt, chosen, trials, earlier=(certificate,))


def _stopped_unfinished(attempt: Attempt) -> str:
    candidate = attempt.checkpoint.path
    if candidate is None:
        return "stopped before the model was certified; the earlier result is as it was"
    return f"stopped before the model was certified; the best candidate, unchecked, is {candidate}"
