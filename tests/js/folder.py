"""The folder of a run as transformers.js wants it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from zoo_compress.pipeline import PackageSettings, package
from zoo_compress.report.transformers_js import DTYPES


def lay_out(run: Path, folder: Path) -> str:
    """Package a run for transformers.js, and return the dtype to ask for."""
    done = package(PackageSettings(source=str(run), target="transformers-js", out=folder))
    return DTYPES[PurePosixPath(done.manifest.model).stem.removeprefix("model")]
