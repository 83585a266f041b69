"""The files that belong to a model, and what they say about it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from zoo_compress.core import Task
from zoo_compress.hub.sentence_transformers import SENTENCE_FILES

COMPANION_NAMES = frozenset(
    {
        "config.json",
        "generation_config.json",
        "preprocessor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.txt",
        "vocab.json",
        "merges.txt",
        # SentencePiece
        "spiece.model",
        "sentencepiece.bpe.model",
        "tokenizer.model",
        "source.spm",
        "target.spm",
    }
)

HINT_FILES = ("README.md", "run.json", "split.json", *SENTENCE_FILES)
"""Files that tell the licence, what a search saw, and the task."""

_CLASSIFIER = re.compile(r"For(Image|Sequence|Audio|Video)Classification(WithTeacher)?$")
# These end in `Model` too, but have a head or another model behind the encoder.
_NOT_AN_ENCODER = re.compile(r"(Heads?|EncoderDecoder)Model$")


def root_of(model_path: Path) -> Path:
    """Return the folder of what belongs to a model, which need not be the one that it lies in.

    In the Hub's layout it is the parent of `onnx/`; in a Triton model repository, where a model
    lies in a folder for its version, the parent of that.
    """
    folder = model_path.parent
    is_version = folder.name.isdigit() and (folder.parent / "config.pbtxt").is_file()
    return folder.parent if folder.name == "onnx" or is_version else folder


def is_companion(file: str, *, model: str) -> bool:
    """Tell whether a file lies at the root or beside the model and belongs to it.

    Args:
        file: Path in the repository.
        model: Path of the model in the repository.
    """
    path = PurePosixPath(file)
    homes = {PurePosixPath("."), PurePosixPath(model).parent}
    return path.name in COMPANION_NAMES and path.parent in homes


def find_companions(root: Path, model_path: Path) -> tuple[Path, ...]:
    """Return the companion files beside the model and at the root, in path order.

    Of two files of the same name the one beside the model counts.
    """
    found = {}
    for folder in (root, model_path.parent):
        for name in COMPANION_NAMES:
            if (folder / name).is_file():
                found[name] = folder / name
    return tuple(sorted(found.values()))


def task_of(root: Path, companions: tuple[Path, ...]) -> Task | None:
    """Return what the outputs mean, if `config.json` or the layout of the folder says so.

    A classifier has an architecture `...ForImageClassification` (or Sequence, Audio, Video), or
    states no architecture and names at least two labels. An embedding model is a bare encoder
    (`...Model`) or carries the files of sentence-transformers.
    """
    config = _config(companions)
    names = config.get("architectures")
    architectures = [str(name) for name in names] if isinstance(names, list) else []
    labels = config.get("id2label")
    if any(_CLASSIFIER.search(name) for name in architectures):
        return "classification"
    if (root / "modules.json").is_file() or (root / "1_Pooling").is_dir():
        return "embedding"
    # Detectors and taggers name labels too, so an architecture has the last word.
    if not architectures and isinstance(labels, Mapping) and len(labels) >= 2:
        return "classification"
    encoders = [name for name in architectures if name.endswith("Model")]
    if any(not _NOT_AN_ENCODER.search(name) for name in encoders):
        return "embedding"
    return None


def model_type_of(companions: tuple[Path, ...]) -> str | None:
    """Return the `model_type` that `config.json` states, by which libraries find their code."""
    found = _config(companions).get("model_type")
    return found if isinstance(found, str) else None


def _config(companions: tuple[Path, ...]) -> Mapping[str, Any]:
    for path in companions:
        if path.name == "config.json":
            try:
                config = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                return {}
            return config if isinstance(config, Mapping) else {}
    return {}
