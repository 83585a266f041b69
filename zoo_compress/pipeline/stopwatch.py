"""Time the models of plans beside the original, and remember what was found."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from zoo_compress.core import Feed, Plan, Progress, ProgressCallback
from zoo_compress.pipeline.folder import MODEL_FILE, PENDING_FOLDER
from zoo_compress.pipeline.study import Study
from zoo_compress.pipeline.write import write_plan
from zoo_compress.plan import plan_key
from zoo_compress.runtime.device import Device
from zoo_compress.runtime.environment import hardware, versions
from zoo_compress.runtime.latency import Latency
from zoo_compress.runtime.race import SECONDS, compare_latency
from zoo_compress.runtime.session import open_session
from zoo_compress.search.store import TimedPlan, TrialStore

MOST_RACES = 3
"""Races of one model, at most; an odd number, so that one of them is in the middle."""

LIMIT_SHARE = 0.02
"""Of a time limit, the most that one race takes."""

REPEATING_SHARE = 0.2
"""Of a time limit, what races may take before no model is raced again."""

Timer = Callable[[Path, Path, Sequence[Feed], float, Device], Latency]
"""Times two model files, the original first, on samples, in so many seconds, on a device."""


def race_on(
    original: Path, other: Path, feeds: Sequence[Feed], seconds: float, device: Device
) -> Latency:
    """Time two model files side by side on a device."""
    return compare_latency(
        original,
        other,
        feeds,
        seconds=seconds,
        opener=lambda path, threads: open_session(
            path, threads=threads, spinning=False, device=device
        ),
    )


class Stopwatch:
    """Times whole models for a budget, each plan once on a machine.

    A model whose ratio's quartiles lie on both sides of the budget is raced again, three times in
    all while the time allows it, and the race whose ratio is in the middle counts.
    """

    def __init__(
        self,
        study: Study,
        store: TrialStore,
        *,
        budget: float,
        progress: ProgressCallback,
        timer: Timer | None = None,
    ) -> None:
        """Take what is timed.

        Args:
            study: The run.
            store: Keeps what was measured.
            budget: The most of the original's time.
            progress: Told how far the work has come.
            timer: Times two models.
        """
        self._study = study
        self._store = store
        self._budget = budget
        self._progress = progress
        self._timer = timer or race_on
        self._device = study.candidates.evaluator.device
        self._place = place(self._device)
        limit = study.settings.seconds
        self._seconds = SECONDS if limit is None else min(SECONDS, LIMIT_SHARE * limit)
        self._repeating = math.inf if limit is None else REPEATING_SHARE * limit
        stored = store.latencies(place=self._place)
        self._known = {plan_key(timed.plan): timed for timed in stored}

    def latency(self, plan: Plan) -> Latency:
        """Return how long the model of a plan takes beside the original, as files.

        Raises:
            DiskFullError: If there is no space to write the model.
        """
        timed = self._known.get(plan_key(plan))
        if timed is None or (timed.races == 1 and self._again([timed.latency])):
            self._progress(Progress(stage="latency", done=0, total=1))
            timed = self._timed(plan, [] if timed is None else [timed.latency])
            self._store.add_latency(timed, place=self._place)
            self._known[plan_key(plan)] = timed
            self._progress(Progress(stage="latency", done=1, total=1))
        return timed.latency

    def known(self, plan: Plan) -> Latency | None:
        """Return what was measured of a plan on this machine, with these libraries."""
        timed = self._known.get(plan_key(plan))
        return None if timed is None else timed.latency

    def all(self) -> list[tuple[Plan, Latency]]:
        """Return all plans that were measured on this machine, and what they take."""
        return [(timed.plan, timed.latency) for timed in self._known.values()]

    def _timed(self, plan: Plan, races: list[Latency]) -> TimedPlan:
        """Race the model of a plan, after the races that it has had."""
        study = self._study
        pending = study.settings.folder / PENDING_FOLDER
        shutil.rmtree(pending, ignore_errors=True)
        pending.mkdir()
        try:
            path = pending / MODEL_FILE
            write_plan(study.prepared, plan, study.encoder, path)
            while not races or self._again(races):
                races.append(self._race(path))
        finally:
            shutil.rmtree(pending, ignore_errors=True)
        middle = sorted(races, key=lambda race: race.ratio)[len(races) // 2]
        return TimedPlan(plan=plan, latency=middle, races=len(races))

    def _again(self, races: Sequence[Latency]) -> bool:
        """Tell whether races leave a doubt about the budget, and there is time for another."""
        lower, upper = races[-1].quartiles
        doubtful = lower <= self._budget < upper
        return doubtful and len(races) < MOST_RACES and self._repeating > 0

    def _race(self, path: Path) -> Latency:
        study = self._study
        feeds = study.inputs.subset(study.split.search).feeds
        self._repeating -= self._seconds
        return self._timer(study.artifact.model_path, path, feeds, self._seconds, self._device)


def place(device: Device) -> str:
    """Return what latencies depend on beside the model: the machine, the device, the runtime."""
    machine = hardware(device)
    del machine["memory_bytes"]
    return json.dumps(
        {**machine, "device": str(device), "onnxruntime": versions()["onnxruntime"]},
        sort_keys=True,
    )
