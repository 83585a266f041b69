"""Export the model of a folder once, and compare it with torch before it is used."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zoo_compress.core import Progress, ProgressCallback, ignore_progress
from zoo_compress.data.preprocessor_config import FILE_NAME as PREPROCESSOR
from zoo_compress.data.samples.packaged import is_installed, release
from zoo_compress.errors import OutputError, SourceError
from zoo_compress.files import build_once
from zoo_compress.hub.export.architecture import Architecture, read_architecture
from zoo_compress.hub.export.files import CONFIG, INDEX
from zoo_compress.hub.export.load import load_torch_model
from zoo_compress.hub.export.trace import TOLERANCE, write_checked
from zoo_compress.hub.export.weights import Weights, digest_of, find_weights, read_object

PACKAGES = ("torch", "transformers", "onnxscript", "safetensors")
VERSIONED = PACKAGES[:3]
"""The packages that decide what the exported file is."""

MODEL_NAME = "model.onnx"
RECORD_NAME = "export.json"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An exported model.

    Attributes:
        model_path: The `.onnx` file, in the cache.
        note: How it was made and checked, for the record.
    """

    model_path: Path
    note: str


def require_exporter(source: str) -> None:
    """Check that what exports a model is installed.

    Raises:
        SourceError: If it is not; the message says which packages, and the command that helps.
    """
    missing = [package for package in PACKAGES if not is_installed(package)]
    if missing:
        raise SourceError(
            f"'{source}' holds no .onnx file but safetensors; to export them, install "
            f"{', '.join(missing)}; run: pip install 'zoo-compress[export]'"
        )


def export_model(
    root: Path, *, cache: Path, progress: ProgressCallback = ignore_progress
) -> Exported:
    """Export the model of a folder that holds `config.json` and safetensors, or reuse the export.

    The file goes to `exported/` below the cache, under a name made of a digest of weights and
    configuration and the versions of the exporter.

    Args:
        root: The folder. Nothing but `config.json`, `preprocessor_config.json` and the safetensors
            that are called `model.safetensors` or listed in its index is read.
        cache: Folder for exported models.
        progress: Told when an export begins and ends.

    Raises:
        SourceError: If the folder is damaged, its model is of no kind that is exported here, or
            the exported model does not compute what torch does.
        DiskFullError: If there is no space for the exported model.
        OutputError: If it cannot be written for another reason.
    """
    require_exporter(str(root))
    weights = find_weights(root)
    folder = cache / "exported" / _key(root, weights)
    if not folder.is_dir():
        architecture = read_architecture(root)
        progress(Progress(stage="export", done=0, detail=architecture.name))
        build = partial(_build, root, architecture, weights)
        build_once(folder, build, failure=OutputError)
        progress(Progress(stage="export", done=1, total=1))
    note = read_object(folder / RECORD_NAME).get("note")
    return Exported(model_path=folder / MODEL_NAME, note=str(note))


def _key(root: Path, weights: Weights) -> str:
    companions = [root / name for name in (CONFIG, INDEX, PREPROCESSOR)]
    digest = digest_of([*filter(Path.is_file, companions), *weights.files])
    return "-".join([digest[:16], *(f"{name}-{release(name)}" for name in VERSIONED)])


def _build(root: Path, architecture: Architecture, weights: Weights, folder: Path) -> None:
    model = load_torch_model(root, architecture, weights)
    difference = write_checked(root, architecture, model, folder / MODEL_NAME)
    record = {
        "architecture": architecture.name,
        "versions": {name: release(name) for name in PACKAGES},
        "largest_relative_difference": difference,
        "tolerance": TOLERANCE,
        "unused_tensors": list(model.unused),
        "note": _note(architecture, difference, model.unused),
    }
    (folder / RECORD_NAME).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _note(architecture: Architecture, difference: float, unused: Sequence[str]) -> str:
    made = " and ".join(f"{name} {release(name)}" for name in ("torch", "transformers"))
    idle = f"; it has no use for {len(unused)} of the files' tensors" if unused else ""
    return (
        f"the original was exported from safetensors ({architecture.name} in float32, by {made}); "
        "sizes are relative to that ONNX file, whose outputs were within "
        f"{difference:.1g} of torch's, relative to the largest{idle}"
    )
