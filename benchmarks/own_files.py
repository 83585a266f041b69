"""Makes the files of zoo-compress that stand beside those of the peers."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from optuna_strategy import SAMPLERS, OptunaStrategy
from peer_files import Entry

from zoo_compress.core import Plan, Strategy, ignore_progress
from zoo_compress.errors import ZooCompressError
from zoo_compress.pipeline.compress import run
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.study import Study, build_study
from zoo_compress.pipeline.write import write_plan
from zoo_compress.registry import load_plugin
from zoo_compress.runtime.race import compare_latency
from zoo_compress.search.frontier import best_trial
from zoo_compress.search.loop import run_trials
from zoo_compress.search.problem import Problem
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.store import TrialStore

OURS = "zoo-compress"
TOOLS = {"gp": OURS, "optuna-tpe": "Optuna TPE, our space", "optuna-gp": "Optuna GP, our space"}
# Peers' files that differ by less are compared with one search, at the smallest of their sizes.
ALIKE = 1.1
# Beyond this a file is the original but for a few layers, and no search has its size as a budget.
LARGEST_MATCHED = 0.95
AS_FAST_AS_RIVAL = ", in the time of static int8"
PACE_SECONDS = 15.0
# A file that takes longer than the original is no pace to keep up with.
LONGEST_PACE = 0.95

Settings = Callable[[str], RunSettings]
"""Returns the settings of a run with a recipe."""


def sizes_to_match(entries: Iterable[Entry], original_bytes: int) -> list[int]:
    """Return the sizes of the peers' files, one of those that are alike, the smallest first."""
    sizes: list[int] = []
    for entry in sorted(entries, key=lambda e: e.stored_bytes or 0):
        size = entry.stored_bytes or original_bytes
        peer = entry.tool not in TOOLS.values() and size < LARGEST_MATCHED * original_bytes
        if peer and (not sizes or size > ALIKE * sizes[-1]):
            sizes.append(size)
    return sizes


def make_fast_file(settings: Settings, recipe: str, parent: Path) -> Iterator[Entry]:
    """Make the smallest file of a recipe, which is its fastest."""
    entry = Entry(OURS, recipe)
    if (entry.folder(parent) / "entry.json").exists():
        return
    start = time.perf_counter()
    try:
        study = build_study(replace(settings(recipe), budget="0.9"), ignore_progress)
        plan = study.sized.space.plan(study.sized.space.smallest)
        entry = _written(study, plan, entry, start, parent)
    except ZooCompressError as error:
        entry.folder(parent).mkdir(exist_ok=True)
        entry = replace(entry, failure=str(error)[:300])
    entry.save(parent)
    yield entry


def make_file_as_fast(
    settings: Settings, recipe: str, rival: Path, study: Study, parent: Path
) -> Iterator[Entry]:
    """Make the closest file of a recipe that takes no longer than another one.

    Args:
        settings: Those of the comparison.
        recipe: The recipe.
        rival: The other file, made from the same model.
        study: Of that model; its search inputs are timed.
        parent: Where the files of all tools are.
    """
    entry = Entry(OURS, f"{recipe}{AS_FAST_AS_RIVAL}")
    if not rival.exists() or (entry.folder(parent) / "entry.json").exists():
        return
    start = time.perf_counter()
    feeds = study.inputs.subset(study.split.search).feeds
    pace = compare_latency(study.artifact.model_path, rival, feeds, seconds=PACE_SECONDS).ratio
    budget = f"latency={min(pace, LONGEST_PACE):.3f}"
    folder = entry.folder(parent)
    try:
        result = run(replace(settings(recipe), budget=budget, out=folder, overwrite=True))
        entry = replace(
            entry,
            version=version("zoo-compress"),
            written_bytes=result.report["compressed_bytes"],
            stored_bytes=result.report["compressed_bytes"],
            seconds=time.perf_counter() - start,
        )
    except ZooCompressError as error:
        folder.mkdir(exist_ok=True)
        entry = replace(entry, failure=str(error)[:300])
    entry.save(parent)
    yield entry


def make_small_files(
    settings: Settings,
    recipe: str,
    sizes: Sequence[int],
    parent: Path,
    *,
    trials: int,
    samplers: bool,
) -> Iterator[Entry]:
    """Search for each size that is missing; with Optuna's samplers too for the smallest."""
    strategies = ["gp", *(SAMPLERS if samplers else ())]
    wanted = [
        (size, name, Entry(TOOLS[name], f"{recipe}, {size} bytes"))
        for name in strategies
        for size in (sizes if name == "gp" else sizes[:1])
    ]
    missing = [case for case in wanted if not (case[2].folder(parent) / "entry.json").exists()]
    if not missing:
        return
    start = time.perf_counter()
    study = build_study(settings(recipe), ignore_progress)
    sensitivity = study.scan.run(ignore_progress)
    # Every search needs these.
    shared = time.perf_counter() - start
    for size, name, entry in missing:
        start = time.perf_counter() - shared
        plan = _searched(study, sensitivity, name, size, trials=trials)
        if plan is None:
            continue
        made = _written(study, plan, entry, start, parent)
        made.save(parent)
        yield made


def _searched(
    study: Study, sensitivity: Sensitivity, name: str, size: int, *, trials: int
) -> Plan | None:
    problem = Problem(space=study.sized.space, limit=size, sensitivity=sensitivity, seed=0)
    strategy: Strategy = (
        OptunaStrategy(problem, name)
        if name in SAMPLERS
        else load_plugin("strategies", name)(problem)
    )
    with tempfile.TemporaryDirectory() as folder:
        found = run_trials(
            strategy,
            study.measurer.measure,
            TrialStore(Path(folder) / "trials.sqlite"),
            trials=trials,
        )
    best = best_trial(found, problem.objective, size)
    return None if best is None else best.plan


def _written(study: Study, plan: Plan, entry: Entry, start: float, parent: Path) -> Entry:
    folder = entry.folder(parent)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files = write_plan(study.prepared, plan, study.encoder, folder / "model.onnx")
    size = sum(file.stat().st_size for file in files)
    tool = "zoo-compress" if entry.tool == OURS else "optuna"
    return replace(
        entry,
        version=version(tool),
        seconds=time.perf_counter() - start,
        written_bytes=size,
        stored_bytes=size,
    )
