"""Find the installed ONNX Runtime: one of its two flavours, never none, never both."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import Distribution
from types import ModuleType

from zoo_compress.errors import RuntimeFlavourError

FLAVOURS = {"onnxruntime": "cpu", "onnxruntime-gpu": "gpu"}
"""Distribution name -> the extra of zoo-compress that installs it."""

INSTALL = "pip install onnxruntime"
MEND = f"pip uninstall -y {' '.join(FLAVOURS)} && {INSTALL}"


def installed_flavours(path: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the distributions of ONNX Runtime that are installed, by their normalised names.

    Args:
        path: Folders to look in, `sys.path` by default.
    """
    folders = list(sys.path if path is None else path)
    return tuple(name for name in FLAVOURS if any(Distribution.discover(name=name, path=folders)))


def require_one_flavour(installed: Sequence[str]) -> None:
    """Raise with the one command that helps, unless exactly one flavour is installed.

    Raises:
        RuntimeFlavourError: If `installed` names no flavour or more than one.
    """
    if not installed:
        raise RuntimeFlavourError(
            f"ONNX Runtime is not installed; run: {INSTALL} (or onnxruntime-gpu for CUDA)"
        )
    if len(installed) > 1:
        raise RuntimeFlavourError(
            f"{' and '.join(installed)} are both installed and overwrite each other's files; "
            f"run: {MEND} (or onnxruntime-gpu for CUDA)"
        )


@cache
def load_onnxruntime() -> ModuleType:
    """Import ONNX Runtime after checking that exactly one flavour is installed.

    What passed the check once is not checked again in the same process: looking for installed
    distributions takes a millisecond, and each session and each run asks.

    Raises:
        RuntimeFlavourError: If none or both are installed, or the installed one is damaged,
            as uninstalling one of two flavours leaves the other.
    """
    require_one_flavour(installed_flavours())
    try:
        module = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise RuntimeFlavourError(f"ONNX Runtime does not load ({error}); run: {MEND}") from error
    if not hasattr(module, "InferenceSession"):
        raise RuntimeFlavourError(f"ONNX Runtime's files are incomplete; run: {MEND}")
    return module
