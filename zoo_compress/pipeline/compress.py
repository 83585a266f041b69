"""`run` and `resume`: the whole story of a compression."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo_compress.core import Certificate, ProgressCallback, Trial, ignore_progress
from zoo_compress.errors import BudgetError, OutputError, SearchInterrupted
from zoo_compress.pipeline.agreement import certified_choice
from zoo_compress.pipeline.aim import Aim
from zoo_compress.pipeline.attempt import Attempt, open_attempt
from zoo_compress.pipeline.fingerprint import check_fingerprint, has_fingerprint, noted_ranking
from zoo_compress.pipeline.finish import finish
from zoo_compress.pipeline.folder import check_folder, holds_run
from zoo_compress.pipeline.push_settings import push_command
from zoo_compress.pipeline.search import search
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.start import announced, begin, begin_again
from zoo_compress.pipeline.study import Study, build_study
from zoo_compress.runtime.latency import Latency


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run has left behind.

    Attributes:
        report: The content of `run.json`.
        folder: The run's folder.
        notes: What the user should know.
        push: The command that publishes it, if that was wanted when the run was started.
    """

    report: dict[str, Any]
    folder: Path
    notes: tuple[str, ...] = ()
    push: str | None = None


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
    return _go(_opened(study, began=began, progress=progress))


def resume(
    folder: Path,
    *,
    budget: str | None = None,
    seconds: float | None = None,
    began: float | None = None,
    progress: ProgressCallback = ignore_progress,
) -> RunResult:
    """Go on with a run that was stopped; what it has measured is not measured again.

    Args:
        folder: The run's folder.
        budget: Another latency to go on with, for a run whose budget is one; None for its own.
        seconds: Time that the rest should take; None for no limit.
        began: Reading of `time.perf_counter` from which that time counts; None for now.
        progress: Told how far the work has come.

    Raises:
        OutputError: If the folder holds no run, or the model, the recipe or the inputs are not
            those that it was started with.
        BudgetError: If another budget than one of latency is given, or the run's own is another.
        SearchInterrupted: If the user stopped it again.
        ZooCompressError: As for `run`.
    """
    began = time.perf_counter() if began is None else began
    if not holds_run(folder):
        raise OutputError(f"'{folder}' holds no run: nothing was started there, nothing to resume")
    settings = replace(RunSettings.load(folder), seconds=seconds)
    if budget is not None:
        settings = _with_latency(settings, budget)
    ranked = noted_ranking(folder) if has_fingerprint(folder) else None
    study = build_study(settings, progress, began=began, ranked=ranked)
    begin_again(study)
    if budget is not None:
        study.settings.save()
    return _go(_opened(study, began=began, progress=progress))


def _with_latency(settings: RunSettings, budget: str) -> RunSettings:
    """Return the settings of a run with another budget of latency.

    Raises:
        BudgetError: If one of the two budgets is another.
    """
    own, wanted = Aim.of(settings), Aim.read(budget, None)
    if own.latency is None or wanted.latency is None:
        raise BudgetError(
            f"--budget {budget}: a run goes on with another budget only from one of latency to "
            f"another; its own is {own}. `zoo-compress frontier` answers others from what it has "
            "measured"
        )
    return replace(settings, budget=budget)


def publish_point(
    settings: RunSettings,
    *,
    run: Path,
    best: Trial | None,
    trials: Sequence[Trial],
    progress: ProgressCallback = ignore_progress,
) -> RunResult:
    """Write, verify and certify the model of a trial of another run, in a folder of its own.

    Args:
        settings: Those of the run, but for the budget and the folder.
        run: Folder of the run whose trial it is.
        best: The trial; None for the one that keeps a budget of latency best.
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
        began = time.perf_counter()
        attempt = open_attempt(study, began=began, progress=progress, trials_of=run)
        choice = _chosen(attempt, best or trials[0], trials)
    report = _finish(attempt, choice, trials)
    return RunResult(report=report, folder=settings.folder, notes=tuple(report["notes"]))


def _go(attempt: Attempt) -> RunResult:
    study, folder = attempt.study, attempt.study.settings.folder
    trials, interrupted = search(attempt)
    best = attempt.best(trials) or (trials[0] if attempt.goal and trials else None)
    goes_on = f"`zoo-compress resume {folder}` goes on"
    if best is None and not interrupted:
        raise BudgetError(f"none of {len(trials)} plans meets {study.aim}; allow more")
    if best is None:
        raise SearchInterrupted(f"stopped before any plan met {study.aim}; {goes_on}")
    try:
        report = _finish(attempt, _chosen(attempt, best, trials), trials)
    except KeyboardInterrupt:
        raise SearchInterrupted(f"{_stopped_unfinished(attempt)}; {goes_on}") from None
    if interrupted:
        raise SearchInterrupted(
            f"stopped after {len(trials)} of {study.trials} trials; the best so far is "
            f"{report['model_path']}; {goes_on}"
        )
    wanted = study.settings.push
    return RunResult(
        report=report,
        folder=folder,
        notes=tuple(report["notes"]),
        push=push_command(folder, wanted) if wanted else None,
    )


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """The trial whose model is the result, and what was found out to choose it."""

    trial: Trial
    latency: Latency | None = None
    certificates: tuple[Certificate, ...] = ()


def _chosen(attempt: Attempt, best: Trial, trials: Sequence[Trial]) -> _Choice:
    """Return the best trial, or the one that keeps the budget for certain.

    A budget of disagreement is certified, one of latency measured on whole models.
    """
    if attempt.goal is not None:
        trial, latency = attempt.goal.choose(trials)
        return _Choice(trial=trial, latency=latency)
    if attempt.study.aim.limits_disagreement:
        trial, certificate = certified_choice(attempt, best, trials)
        return _Choice(trial=trial, certificates=(certificate,))
    return _Choice(trial=best)


def _finish(attempt: Attempt, choice: _Choice, trials: Sequence[Trial]) -> dict[str, Any]:
    return finish(
        attempt, choice.trial, trials, earlier=choice.certificates, latency=choice.latency
    )


def _opened(study: Study, *, began: float, progress: ProgressCallback) -> Attempt:
    """Open what a run has on disk; a budget of latency has sites timed first."""
    try:
        return open_attempt(study, began=began, progress=progress)
    except KeyboardInterrupt:
        raise SearchInterrupted(
            "stopped before any plan was measured; "
            f"`zoo-compress resume {study.settings.folder}` goes on"
        ) from None


def _stopped_unfinished(attempt: Attempt) -> str:
    candidate = attempt.checkpoint.path
    if candidate is None:
        return "stopped before the model was certified; the earlier result is as it was"
    return f"stopped before the model was certified; the best candidate, unchecked, is {candidate}"
