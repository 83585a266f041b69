"""One command's work on a run, from its start to its result."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from zoo_compress.core import Measurement, Option, Plan, ProgressCallback, Trial
from zoo_compress.pipeline.checkpoint import Checkpoint
from zoo_compress.pipeline.deadline import search_deadline
from zoo_compress.pipeline.folder import STORE_FILE
from zoo_compress.pipeline.latency import latency_seconds
from zoo_compress.pipeline.pace import Lap, Pace
from zoo_compress.pipeline.rehearsal import rehearse
from zoo_compress.pipeline.spending import Spending
from zoo_compress.pipeline.study import Study
from zoo_compress.pipeline.time_goal import TimeGoal
from zoo_compress.pipeline.timed import timed
from zoo_compress.search.baseline import largest_uniform_plan
from zoo_compress.search.deadline import Deadline
from zoo_compress.search.frontier import best_trial
from zoo_compress.search.space import Theta
from zoo_compress.search.store import TrialStore

RACES = 3
"""Times as long as one comparison, which a run with a budget of latency keeps for them."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What `run` or `resume` works with, and what it has learnt about the time that takes.

    Attributes:
        study: The run.
        store: What the run has measured.
        checkpoint: The best candidate on disk.
        pace: How long things take.
        spending: Where the time goes.
        began: Reading of `time.perf_counter` when the command began.
        progress: Told how far the work has come.
        searching: Whether plans may be measured; otherwise the trials that there are must do.
        goal: The budget of latency, if there is one.
    """

    study: Study
    store: TrialStore
    checkpoint: Checkpoint
    pace: Pace
    spending: Spending
    began: float
    progress: ProgressCallback
    searching: bool = True
    goal: TimeGoal | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the command began."""
        return time.perf_counter() - self.began

    @property
    def deadline(self) -> Deadline | None:
        """When the search must end, if there is a time limit."""
        return search_deadline(self.study.settings.seconds, began=self.began, pace=self.pace)

    def best(self, trials: Sequence[Trial]) -> Trial | None:
        """Return the trial whose model the run would write, as far as is known yet."""
        if self.goal is not None:
            return self.goal.best(trials)
        return best_trial(trials, self.study.objective, self.study.limit_bytes)

    def measure(self, plan: Plan) -> Measurement:
        """Measure a plan, and how long that takes."""
        spent = self.study.candidates.seconds
        start, before = time.perf_counter(), dict(spent)
        found = self.study.measurer.measure(plan)
        session, forward = (spent[part] - before[part] for part in ("session", "forward"))
        rest = time.perf_counter() - start - session - forward
        # Fewer inputs than all say as much about the time that each takes.
        share = len(self.study.split.search) / found.inputs
        self.pace.learn(Lap(session=session, forward=share * forward, rest=share * rest))
        return found

    def rehearse(self) -> None:
        """Find out how long the end of the run will take, unless it is late already."""
        if self.deadline is not None and self.deadline.left > 0:
            found = rehearse(self.study, self._some_plan())
            if found is not None:
                self.pace.adopt(found)

    @cached_property
    def uniform(self) -> dict[str, Any] | None:
        """What the largest plan within the budget reaches that stores weights in one way.

        Weights that do not have the option stay as they are.
        """
        found = self._largest_uniform
        if found is None:
            return None
        option, theta = found
        measured = self.measure(self.study.sized.offered.plan(theta))
        finite = math.isfinite(measured.distance)
        return {
            "option": option.label,
            "weights": int(np.count_nonzero(theta)),
            "all_weights": len(theta),
            "size_ratio": measured.stored_bytes / self.study.artifact.stored_bytes,
            "distance": measured.distance if finite else None,
        }

    @property
    def _largest_uniform(self) -> tuple[Option, Theta] | None:
        if not (self.searching and self.study.aim.limits_size):
            return None
        return largest_uniform_plan(self.study.sized.offered, self.study.limit_bytes)

    def _some_plan(self) -> Plan:
        space, found = self.study.sized.offered, self._largest_uniform
        return space.plan(space.smallest if found is None else found[1])


def open_attempt(
    study: Study, *, began: float, progress: ProgressCallback, trials_of: Path | None = None
) -> Attempt:
    """Open what a run has on disk.

    Args:
        study: The run.
        began: Reading of `time.perf_counter` when the command began.
        progress: Told how far the work has come.
        trials_of: Folder of another run whose trials are used, and added to by no search.

    Raises:
        OutputError: If the trials cannot be read.
        DiskFullError: If there is no space for them.
    """
    store = TrialStore((trials_of or study.settings.folder) / STORE_FILE)
    study, goal = timed(study, store, progress=progress, run=trials_of)
    spent = study.candidates.seconds
    return Attempt(
        study=study,
        store=store,
        checkpoint=Checkpoint(study, began=began),
        pace=Pace(
            Lap(session=spent["session"], forward=spent["forward"]),
            search_inputs=len(study.split.search),
            certification_inputs=len(study.split.certify),
            latency_seconds=latency_seconds(study.settings.seconds)
            * (1 if goal is None else RACES),
        ),
        spending=Spending(study, store, began=began),
        began=began,
        progress=progress,
        searching=trials_of is None,
        goal=goal,
    )
