"""The files by which sentence-transformers knows what to do with an encoder's outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MODULES_FILE = "modules.json"
SETTINGS_FILES = ("config_sentence_transformers.json", "sentence_bert_config.json")
POOLING_FILE = "1_Pooling/config.json"

SENTENCE_FILES = (MODULES_FILE, *SETTINGS_FILES, POOLING_FILE)

# Others, such as Dense, have weights of their own, which a compressed encoder does not bring.
_WITHOUT_WEIGHTS = frozenset({"Pooling", "Normalize"})


def sentence_files(root: Path) -> dict[str, Path]:
    """Return the files of sentence-transformers in a model's folder, by their names from there.

    They are the list of modules, the settings and the configuration of the pooling. None are
    returned if a file is missing or a link, or if a module after the encoder needs weights.
    """
    modules = _modules(root / MODULES_FILE)
    if modules is None:
        return {}
    needed = [MODULES_FILE]
    for module in modules[1:]:
        kind, path = str(module.get("type", "")).rpartition(".")[2], module.get("path")
        if kind not in _WITHOUT_WEIGHTS:
            return {}
        if kind == "Pooling":
            needed.append(f"{path}/config.json")
    if any(name not in SENTENCE_FILES or not _is_plain(root / name) for name in needed):
        return {}
    found = [*needed, *(name for name in SETTINGS_FILES if _is_plain(root / name))]
    return {name: root / name for name in found}


def _modules(path: Path) -> list[dict[str, Any]] | None:
    if not _is_plain(path):
        return None
    try:
        modules = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    usable = isinstance(modules, list) and all(isinstance(module, dict) for module in modules)
    return modules if usable else None


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and not path.parent.is_symlink()
