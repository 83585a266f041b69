"""The folder of a run as transformers.js wants it."""

from __future__ import annotations

import shutil
from pathlib import Path

from zoo_compress.hub.layout import model_suffix, place
from zoo_compress.pipeline.folder import PLAN_FILE
from zoo_compress.plan import read_plan

DTYPES = {"_fp16": "fp16", "_q4": "q4", "_quantized": "q8"}
"""What transformers.js calls a file with a suffix."""


def lay_out(run: Path, folder: Path) -> str:
    """Copy a run's files to where transformers.js looks for them; return the dtype to ask for."""
    suffix = model_suffix(read_plan(run / PLAN_FILE).plan)
    for file in filter(Path.is_file, run.iterdir()):
        name = place(
            file.name, model="model.onnx", data=(), layout="transformers-js", suffix=suffix
        )
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return DTYPES[suffix]
