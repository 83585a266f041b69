"""`run` and `resume`: the whole story of a compression."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo_compress.core import ProgressCallback, Trial, ignore_progress
from zoo_compress.errors import BudgetError, SearchInterrupted
from zoo_compress.files import atomic_write
from zoo_compress.pipeline.fingerprint import check_fingerprint, save_fingerprint
from zoo_compress.pipeline.finish import finish
from zoo_compress.pipeline.folder import (
    SPLIT_FILE,
    STORE_FILE,
    check_folder,
    open_folder,
    protect,
)
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.study import Study, build_study
from zoo_compress.search.loop import best_trial, run_trials
from zoo_compress.search.problem import Problem
from zoo_compress.search.scan import scan_evaluations
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.store import TrialStore

# Opening the written model in a fresh process, writing files and rendering the card.
SECONDS_TO_WRITE = 4.0
# Every search input runs through the candidate, the original, the gate and the uniform plan.
FINAL_PASSES_OVER_SEARCH_INPUTS = 4
FINAL_PASSES_OVER_CERTIFICATION_INPUTS = 2


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


def run(settings: RunSettings, *, progress: ProgressCallback = ignore_progress) -> RunResult:
    """Compress a model to a budget and certify the result.

    Pull, find sites, split the inputs, scan sensitivities, search, write the best plan's model,
    pass the publish gate, certify on the untouched inputs, report.

    Raises:
        SearchInterrupted: If the user stopped it; the best model so far is written.
        ZooCompressError: For everything else that the user can mend; see `zoo_compress.errors`.
    """
    start = time.perf_counter()
    check_folder(settings.folder, overwrite=settings.overwrite)
    study = build_study(settings, progress)
    protect(settings.folder, study.sources())
    open_folder(settings.folder)
    settings.save()
    save_fingerprint(study)
    record = json.dumps(study.split.record(study.inputs), indent=2)
    atomic_write(settings.folder / SPLIT_FILE, record + "\n")
    return _go(study, start, progress)


def resume(
    folder: Path, *, seconds: float | None = None, progress: ProgressCallback = ignore_progress
) -> RunResult:
    """Go on with a run that was stopped; what it has measured is not measured again.

    Args:
        folder: The run's folder.
        seconds: Time that the rest should take; None for no limit.
        progress: Told how far the work has come.

    Raises:
        OutputError: If the folder holds no run, or the model, the recipe or the inputs are not
            those that it was started with.
    """
    start = time.perf_counter()
    study = build_study(replace(RunSettings.load(folder), seconds=seconds), progress)
    check_fingerprint(study)
    return _go(study, start, progress)


def _go(study: Study, start: float, progress: ProgressCallback) -> RunResult:
    folder = study.settings.folder
    store = TrialStore(folder / STORE_FILE)
    trials, interrupted = _search(study, store, start, progress)
    best = best_trial(trials, study.limit_bytes)
    if best is None and not interrupted:
        raise BudgetError(
            f"none of {len(trials)} plans of {study.limit_bytes} bytes gives finite outputs; "
            "raise the budget"
        )
    if best is None:
        raise SearchInterrupted(
            f"stopped before the first trial; `zoo-compress resume {folder}` goes on"
        )
    report = finish(study, store, best, trials, start, progress)
    if interrupted:
        raise SearchInterrupted(
            f"stopped after {len(trials)} of {study.trials} trials; the best so far is "
            f"{report['model_path']}; `zoo-compress resume {folder}` goes on"
        )
    return RunResult(report=report, folder=folder, notes=study.notes)


def _search(
    study: Study, store: TrialStore, start: float, progress: ProgressCallback
) -> tuple[list[Trial], bool]:
    """Scan and search; return the trials and whether the user interrupted."""
    settings = study.settings
    deadline = None
    if settings.seconds is not None:
        deadline = start + settings.seconds - _seconds_to_finish(study)
    try:
        sensitivity = _sensitivity(study, store, progress)
        problem = Problem(
            space=study.sized.space,
            limit_bytes=study.limit_bytes,
            sensitivity=sensitivity,
            seed=settings.seed,
        )
        trials = run_trials(
            study.strategy_type(problem),
            study.measurer.measure,
            store,
            trials=study.trials,
            deadline=deadline,
            progress=progress,
        )
    except KeyboardInterrupt:
        return store.trials(), True
    return trials, False


def _seconds_to_finish(study: Study) -> float:
    """Estimate what follows the search from the forward passes made so far."""
    seen, unseen = len(study.split.search), len(study.split.certify)
    passes = (
        FINAL_PASSES_OVER_SEARCH_INPUTS * seen + FINAL_PASSES_OVER_CERTIFICATION_INPUTS * unseen
    )
    return SECONDS_TO_WRITE + passes * study.evaluator.seconds["forward"] / seen


def _sensitivity(study: Study, store: TrialStore, progress: ProgressCallback) -> Sensitivity:
    """Return the stored scan, or scan and store it."""
    stored = store.sensitivity()
    if stored is not None:
        return stored[0]
    start = time.perf_counter()
    found = study.scan.run(progress)
    store.add_seconds({"scan": time.perf_counter() - start})
    store.save_sensitivity(found, evaluations=scan_evaluations(study.sized.space))
    return found
