"""The search of a run: scan and trials, kept on disk as they are made."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from zoo_compress.core import Progress, Trial
from zoo_compress.pipeline.attempt import Attempt
from zoo_compress.pipeline.deadline import SCAN_SHARE
from zoo_compress.pipeline.trials import measure_trials, search_within_time
from zoo_compress.runtime.memory import give_back
from zoo_compress.search.problem import Problem
from zoo_compress.search.sensitivity import Sensitivity


def search(attempt: Attempt) -> tuple[list[Trial], bool]:
    """Scan and search where the run stopped; nothing that it has measured is measured again.

    However it ends, the best model so far is in the run's checkpoint afterwards.

    Returns:
        The trials, and whether the user interrupted.
    """
    interrupted = False
    try:
        _search(attempt)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        trials = _stored(attempt)
        attempt.checkpoint.keep(attempt.best(trials))
        attempt.checkpoint.flush()
        attempt.spending.charge("search")
    return trials, interrupted


def _search(attempt: Attempt) -> None:
    study, stored = attempt.study, _stored(attempt)
    if len(stored) == study.most_trials:
        return
    if attempt.goal is not None:
        attempt.goal.require_reachable()
    # A kill may have come between a trial and the writing of its model.
    _keep(attempt, stored)
    _look_ahead(attempt)
    problem = Problem(
        space=study.sized.space,
        limit=study.limit_bytes,
        sensitivity=_scan(attempt),
        seed=study.settings.seed,
        objective=study.objective,
    )
    if attempt.goal is not None:
        search_within_time(attempt, attempt.goal, problem, keep=partial(_keep, attempt))
    else:
        measure_trials(
            attempt, study.strategy_type(problem), problem, keep=partial(_keep, attempt)
        )


def _stored(attempt: Attempt) -> list[Trial]:
    return attempt.store.trials()[: attempt.study.most_trials]


def _keep(attempt: Attempt, trials: Sequence[Trial]) -> None:
    attempt.checkpoint.keep(attempt.best(trials))
    attempt.pace.writing = attempt.checkpoint.seconds or attempt.pace.writing
    attempt.spending.charge_if_due("search")


def _look_ahead(attempt: Attempt) -> None:
    """Do beforehand what would have to be done at the end, and see how long things take."""
    _ = attempt.uniform
    attempt.rehearse()


def _scan(attempt: Attempt) -> Sensitivity:
    """Go on with the scan, under a time limit for a part of the time that is left."""

    def report(progress: Progress) -> None:
        attempt.spending.charge_if_due("scan")
        attempt.progress(progress)

    deadline = attempt.deadline
    attempt.spending.charge("search")
    found = attempt.study.scan.run(
        report,
        store=attempt.store,
        deadline=None if deadline is None else deadline.share(SCAN_SHARE),
    )
    give_back()
    attempt.spending.charge("scan")
    return found
