"""Judges files of all tools alike, in one process, on inputs that nothing saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
from cases import HeldOut
from peer_files import Entry, compared_file, read_entries
from peers_table import Result

from zoo_compress.errors import ZooCompressError
from zoo_compress.pipeline.study import Study
from zoo_compress.runtime.evaluator import run_model
from zoo_compress.runtime.race import race

RACE_SECONDS, RACE_INPUTS = 30.0, 20


def judged(model: str, study: Study, parent: Path) -> list[Result]:
    """Return a result for each entry, with figures for those that run."""
    held_out = HeldOut(study)
    entries = read_entries(parent)
    results = [_measured(model, entry, parent, held_out, study) for entry in entries]
    running = [number for number, result in enumerate(results) if result.failure is None]
    files = [compared_file(entries[number], parent) for number in running]
    for number, timed in zip(running, _timed(study, files, held_out), strict=True):
        results[number] = replace(results[number], **timed)
    return results


def _measured(model: str, entry: Entry, parent: Path, held_out: HeldOut, study: Study) -> Result:
    original = study.artifact.stored_bytes
    result = Result(
        model=model,
        tool=entry.tool,
        setting=entry.setting,
        version=entry.version,
        seconds=entry.seconds,
        peak_bytes=entry.peak_bytes,
        written=None if entry.written_bytes is None else entry.written_bytes / original,
        ratio=None if entry.stored_bytes is None else entry.stored_bytes / original,
        failure=entry.failure,
    )
    if result.failure is not None:
        return result
    try:
        outputs = run_model(compared_file(entry, parent), held_out.inputs.feeds)
    except ZooCompressError as error:
        return replace(result, failure=str(error)[:300])
    distance, answer = held_out.figures_of(outputs)
    if not np.isfinite(distance):
        return replace(result, failure="its outputs are NaN or infinite")
    return replace(
        result,
        relative=study.distance.relative(distance),
        answer=answer,
        inputs=len(held_out.inputs),
    )


def _timed(study: Study, files: Sequence[Path], held_out: HeldOut) -> list[dict[str, object]]:
    """Return each file's latency and processor time, relative to the original's."""
    racers, feeds = [study.artifact.model_path, *files], held_out.inputs.feeds[:RACE_INPUTS]
    wall = race(racers, feeds, seconds=RACE_SECONDS)
    spent = race(racers, feeds, seconds=RACE_SECONDS, threads=1, clock=process_time)
    return [
        {"latency": pace.ratio, "quartiles": pace.quartiles, "processor": cost.ratio}
        for pace, cost in zip(wall[1:], spent[1:], strict=True)
    ]
