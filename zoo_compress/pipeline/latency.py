"""How fast a run's model is beside the original: measured, recorded and said."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from zoo_compress.core import Progress, ProgressCallback
from zoo_compress.pipeline.study import Study
from zoo_compress.runtime.latency import Latency
from zoo_compress.runtime.race import SECONDS, compare_latency

# Of a time limit, the most that goes to timing the result: a run is for finding it.
LIMIT_SHARE = 0.05


def latency_seconds(limit: float | None) -> float:
    """Return how long the comparison of a run with such a time limit may take."""
    return SECONDS if limit is None else min(SECONDS, LIMIT_SHARE * limit)


def measure_latency(study: Study, model_path: Path, progress: ProgressCallback) -> Latency:
    """Time a run's model beside the original, both as the files that they are.

    They run the search inputs: real ones, unless there are only synthetic ones.
    """
    progress(Progress(stage="latency", done=0, total=1))
    found = compare_latency(
        study.artifact.model_path,
        model_path,
        study.inputs.subset(study.split.search).feeds,
        seconds=latency_seconds(study.settings.seconds),
    )
    progress(Progress(stage="latency", done=1, total=1))
    return found


def latency_record(latency: Latency) -> dict[str, Any]:
    """Return what was measured as JSON values, with what it comes to."""
    quartiles = list(latency.quartiles)
    return {**asdict(latency), "quartiles": quartiles, "verdict": latency.verdict}


def slowness_note(latency: Latency) -> str | None:
    """Return a note for a model that is slower than the original, else None."""
    if latency.verdict != "slower":
        return None
    return (
        f"{latency.ratio:.3g} times as slow as the original on this machine "
        f"({latency.compressed_ms:.3g} ms instead of {latency.original_ms:.3g} ms for an input): "
        "chosen for size, not for speed"
    )
