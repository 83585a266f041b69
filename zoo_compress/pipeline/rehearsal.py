"""Try out the end of a run on a few inputs, to know how much time to keep for it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from zoo_compress.core import Plan, Progress
from zoo_compress.errors import ZooCompressError
from zoo_compress.pipeline.comparison import compare
from zoo_compress.pipeline.folder import MODEL_FILE, PENDING_FOLDER
from zoo_compress.pipeline.pace import Rehearsal
from zoo_compress.pipeline.study import Study
from zoo_compress.pipeline.write import write_plan
from zoo_compress.runtime.fresh_process import run_in_fresh_process
from zoo_compress.runtime.pairs import ModelPair

# The first pair warms the sessions up. On a busy machine the next few are faster than the average:
# the scheduler favours a process that has just slept.
PAIRS = 12


def rehearse(study: Study, plan: Plan) -> Rehearsal | None:
    """Write the model of some plan, open it afresh and compare it on a few search inputs.

    Returns:
        How long that took; None if it failed. What fails here fails again at the end, where
        there is the model that counts to say it of.

    Raises:
        DiskFullError: If there is no space for the model.
    """
    folder = study.settings.folder / PENDING_FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        return _rehearsed(study, plan, folder / MODEL_FILE)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rehearsed(study: Study, plan: Plan, path: Path) -> Rehearsal | None:
    samples = study.inputs.subset(study.split.search[:PAIRS])
    moments = [time.perf_counter()]

    def note(_: Progress | None = None) -> None:
        moments.append(time.perf_counter())

    write_plan(study.prepared, plan, study.encoder, path)
    note()
    try:
        run_in_fresh_process(path, samples.feeds[:1])
        note()
        compare(
            ModelPair(study.artifact.model_path, path),
            samples,
            distance=study.distance,
            top_answers=study.task == "classification",
            progress=note,
        )
    except ZooCompressError:
        return None
    return Rehearsal(
        writing=moments[1] - moments[0],
        starting=moments[2] - moments[1],
        opening=moments[3] - moments[2],
        pair=(moments[-1] - moments[3]) / max(len(samples) - 1, 1),
    )
