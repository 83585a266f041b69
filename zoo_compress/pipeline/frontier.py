"""`frontier`: what the finished trials of a run say about any other budget."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo_compress.core import ProgressCallback, Trial, ignore_progress
from zoo_compress.errors import BudgetError, OutputError
from zoo_compress.files import atomic_write
from zoo_compress.pipeline.aim import Aim
from zoo_compress.pipeline.compress import RunResult, publish_point
from zoo_compress.pipeline.folder import (
    FRONTIER_FIGURE,
    FRONTIER_FILE,
    POINTS_FOLDER,
    REPORT_FILE,
    STORE_FILE,
)
from zoo_compress.pipeline.pictures import frontier_figure
from zoo_compress.pipeline.report_file import finished_report
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.stopwatch import place
from zoo_compress.plan import plan_key
from zoo_compress.runtime.device import CPU, cuda_device
from zoo_compress.search.frontier import best_trial, multiplier, pareto_front
from zoo_compress.search.store import TrialStore


@dataclass(frozen=True, kw_only=True)
class FrontierPoint:
    """A trial as the frontier shows it.

    Attributes:
        trial: Its number.
        stored_bytes: Size of the model.
        size_ratio: That over the original's.
        distance: Estimated distance.
        standard_error: Standard error of it.
        relative_distance: Distance relative to its scale; None where that is not finite.
        disagreement: Share of the search inputs whose top answer changed; None for no classifier.
        evaluated_on: Number of search inputs.
        latency_ratio: Share of the original's time that its model takes on this machine; None if
            that was not measured.
    """

    trial: int
    stored_bytes: int
    size_ratio: float
    distance: float
    standard_error: float
    relative_distance: float | None
    disagreement: float | None
    evaluated_on: int
    latency_ratio: float | None = None


@dataclass(frozen=True, kw_only=True)
class Frontier:
    """The trials of a run in the light of all budgets.

    Attributes:
        front: The trials that no other beats in both size and distance, most bytes first.
        trials: How many trials there are.
        chosen: The front's answer to a budget, or the run's own model.
        multiplier: Distance that one more byte would save at the chosen size.
        figures: The plot, as PNG and SVG.
        result: The model written for the chosen point, if one was asked for.
    """

    front: tuple[FrontierPoint, ...]
    trials: int
    chosen: FrontierPoint | None
    multiplier: float | None
    figures: tuple[Path, ...]
    result: RunResult | None = None


def frontier(
    folder: Path,
    *,
    budget: str | None = None,
    gamma: float | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    progress: ProgressCallback = ignore_progress,
) -> Frontier:
    """Answer any budget from the trials of a finished run; nothing is searched or scanned again.

    With a budget or a weight, the model of the answer is written, checked and certified in a
    folder of its own.

    Args:
        folder: The run's folder.
        budget: As for a run.
        gamma: As for a run.
        out: Folder for the model; None for one inside the run's.
        overwrite: Whether that folder may be replaced.
        progress: Told how far the work has come.

    Raises:
        OutputError: If the folder holds no finished run.
        BudgetError: If no trial meets the budget.
    """
    report = _report(folder)
    trials = TrialStore(folder / STORE_FILE).trials()
    front = pareto_front(trials)
    if budget is None and gamma is None:
        own = _own(trials, report)
        return _shown(folder, report, trials, front, own)
    aim = Aim.read(budget, gamma)
    # Which trials keep a budget of latency, their models have to be timed to tell.
    chosen = None if aim.latency is not None else answer(trials, aim, report)
    settings = replace(
        RunSettings.load(folder),
        budget=budget,
        gamma=gamma,
        out=out or folder / POINTS_FOLDER / str(aim).replace("=", "-"),
        overwrite=overwrite,
        push=(),
    )
    result = publish_point(settings, run=folder, best=chosen, trials=trials, progress=progress)
    if chosen is None:
        chosen = _own(trials, result.report)
    return replace(_shown(folder, report, trials, front, chosen), result=result)


def answer(trials: Sequence[Trial], aim: Aim, report: dict[str, Any]) -> Trial:
    """Return the trial that meets an aim best, by what is stored of the trials alone.

    Raises:
        BudgetError: If none meets it; the message says what the trials reach.
    """
    original = int(report["original_bytes"])
    aim.require_sense(original)
    largest = max(trial.measurement.stored_bytes for trial in trials)
    limit = aim.limit_bytes(original, otherwise=max(largest, original))
    objective = aim.objective(original, scale=report["distance_scale"], task=report["task"])
    chosen = best_trial(trials, objective, limit)
    if chosen is None:
        smallest = min(trial.measurement.stored_bytes for trial in trials)
        raise BudgetError(
            f"none of the {len(trials)} trials meets {aim}; the smallest has {smallest} bytes "
            f"({smallest / original:.4f} of the original): start a run with this budget"
        )
    return chosen


def _shown(
    folder: Path,
    report: dict[str, Any],
    trials: Sequence[Trial],
    front: Sequence[Trial],
    chosen: Trial | None,
) -> Frontier:
    """Return the frontier, and write its plot and its figures into the run's folder."""
    ratios = _latency_ratios(folder, report)
    points = tuple(_point(trial, report, ratios) for trial in front)
    marked = None if chosen is None else _point(chosen, report, ratios)
    weight = None if marked is None else multiplier(trials, marked.stored_bytes)
    record = {
        "front": [vars(point) for point in points],
        "chosen": None if marked is None else vars(marked),
        "multiplier": weight,
        "trials": len(trials),
    }
    atomic_write(folder / FRONTIER_FILE, json.dumps(record, indent=2) + "\n")
    return Frontier(
        front=points,
        trials=len(trials),
        chosen=marked,
        multiplier=weight,
        figures=_draw(folder, report, trials, chosen),
    )


def _draw(
    folder: Path, report: dict[str, Any], trials: Sequence[Trial], chosen: Trial | None
) -> tuple[Path, ...]:
    # matplotlib takes a second to import.
    from zoo_compress.report.plots.style import save_figure

    figure = frontier_figure(report, trials, chosen=chosen, name=report["source"])
    return save_figure(figure, folder, FRONTIER_FIGURE)


def _report(folder: Path) -> dict[str, Any]:
    report = finished_report(folder)
    missing = {"original_bytes", "distance_scale", "distance_name", "task"} - report.keys()
    if missing:
        path = folder / REPORT_FILE
        raise OutputError(f"'{path}' does not say {min(missing)}; run again with this version")
    return report


def _own(trials: Sequence[Trial], report: dict[str, Any]) -> Trial | None:
    """Return the trial whose model the run has written."""
    return next((trial for trial in trials if trial.number == report.get("trial")), None)


def _latency_ratios(folder: Path, report: dict[str, Any]) -> Mapping[str, float]:
    """Return what was measured of whole models on the device of a run, by the keys of plans."""
    device = cuda_device(str(report.get("device"))) or CPU
    timed = TrialStore(folder / STORE_FILE).latencies(place=place(device))
    return {plan_key(each.plan): each.latency.ratio for each in timed}


def _point(trial: Trial, report: dict[str, Any], ratios: Mapping[str, float]) -> FrontierPoint:
    found, scale = trial.measurement, report["distance_scale"]
    return FrontierPoint(
        trial=trial.number,
        stored_bytes=found.stored_bytes,
        size_ratio=found.stored_bytes / report["original_bytes"],
        distance=found.distance,
        standard_error=found.standard_error,
        relative_distance=found.distance / scale if scale else None,
        disagreement=found.disagreement,
        evaluated_on=found.inputs,
        latency_ratio=ratios.get(plan_key(trial.plan)),
    )
