"""What only a budget of latency needs in a run: times of sites, and what they are for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from zoo_compress.core import ProgressCallback
from zoo_compress.errors import BudgetError
from zoo_compress.pipeline.aim import Aim
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.site_timing import computed_options, time_sites
from zoo_compress.pipeline.stopwatch import Stopwatch
from zoo_compress.pipeline.study import Study
from zoo_compress.pipeline.time_goal import TimeGoal
from zoo_compress.search.site_times import SiteTime, TimeTable, useful_options
from zoo_compress.search.store import TrialStore


def timed(
    study: Study,
    store: TrialStore,
    *,
    progress: ProgressCallback,
    run: Path | None = None,
) -> tuple[Study, TimeGoal | None]:
    """Return a run as its budget of latency wants it, and that budget.

    What the store holds of the times of sites is not measured again. A run for such a budget
    searches among the options that are not slower than the original.

    Args:
        study: The run.
        store: Keeps what is measured.
        progress: Told how far the work has come.
        run: Folder of the run whose trials are used; None for its own.
    """
    budget = study.aim.latency
    own = study.aim if run is None else Aim.of(RunSettings.load(run))
    if budget is None and own.latency is None:
        return study, None
    times = _site_times(study, store, progress)
    if own.latency is not None:
        study = _restricted(study, times)
    if budget is None:
        return study, None
    stopwatch = Stopwatch(study, store, budget=budget, progress=progress)
    space = study.sized.space if own.latency is not None else study.sized.offered
    goal = TimeGoal(
        budget=budget,
        space=space,
        table=TimeTable.of(space, times),
        stopwatch=stopwatch,
        folder=study.settings.folder if run is None else None,
        slower=frozenset((t.site, t.option) for t in times if t.slower),
    )
    return study, goal


def _site_times(study: Study, store: TrialStore, progress: ProgressCallback) -> list[SiteTime]:
    stored = store.site_times()
    if stored or not computed_options(study):
        return stored
    times = time_sites(study, progress)
    store.add_site_times(times)
    return times


def _restricted(study: Study, times: Sequence[SiteTime]) -> Study:
    """Return the run with the space of the options that are not slower than the original.

    With all of the space where there are none but what was removed from the graph may be enough.

    Raises:
        BudgetError: If there are none, and nothing was removed from the graph.
    """
    offered = study.sized.offered
    errors = [
        [study.encoder.error(site.name, option) for option in options]
        for site, options in zip(offered.sites, offered.options, strict=True)
    ]
    space = useful_options(offered, times, errors)
    sized = replace(study.sized, times=tuple(times))
    if space.sites:
        sized = replace(sized, space=space)
    elif study.removal is None:
        raise BudgetError(
            f"budget {study.aim}: none of the {len(times)} options of recipe "
            f"'{study.recipe.name}' that were timed is as fast as the original on "
            f"{study.candidates.evaluator.device}"
        )
    return replace(study, sized=sized)
