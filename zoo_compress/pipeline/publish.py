"""Put a checked model into the folder of its run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo_compress.core import Plan, Trial
from zoo_compress.files import atomic_write
from zoo_compress.pipeline.card import make_card
from zoo_compress.pipeline.companions import copy_companions
from zoo_compress.pipeline.folder import (
    CARD_FILE,
    MODEL_FILE,
    PLAN_FILE,
    RECIPE_FILE,
    REPORT_FILE,
    SPLIT_FILE,
)
from zoo_compress.pipeline.run_files import file_records
from zoo_compress.pipeline.study import Study
from zoo_compress.pipeline.write import plan_file
from zoo_compress.recipe import recipe_yaml
from zoo_compress.report.card import PICTURES


def publish(
    study: Study,
    plan: Plan,
    files: Sequence[Path],
    report: Mapping[str, Any],
    trials: Sequence[Trial],
) -> dict[str, Any]:
    """Move the checked model into the run's folder, with all that speaks of it.

    What spoke of an earlier model goes first and the report comes last: where there is a
    `run.json`, it is about the model beside it.

    Returns:
        The content of `run.json`: the report, and size and SHA-256 of each file.

    Raises:
        DiskFullError: If there is no space.
    """
    folder = study.settings.folder
    pending = files[0].parent
    make_card(report, trials, pending / CARD_FILE)
    for name in (REPORT_FILE, CARD_FILE, *PICTURES):
        (folder / name).unlink(missing_ok=True)
    for file in files:
        file.replace(folder / file.name)
    if len(files) == 1:
        (folder / f"{MODEL_FILE}.data").unlink(missing_ok=True)
    atomic_write(folder / PLAN_FILE, plan_file(study, plan).to_json())
    atomic_write(folder / RECIPE_FILE, recipe_yaml(study.recipe))
    copy_companions(study.artifact, folder)
    shown = [name for name in (*PICTURES, CARD_FILE) if (pending / name).is_file()]
    for name in shown:
        (pending / name).replace(folder / name)
    written = [*(file.name for file in files), PLAN_FILE, RECIPE_FILE, SPLIT_FILE, *shown]
    complete = {**report, "files": file_records(folder, [*written, *report["companions"]])}
    atomic_write(folder / REPORT_FILE, json.dumps(complete, indent=2, allow_nan=False) + "\n")
    return complete
