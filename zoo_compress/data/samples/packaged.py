"""Find what installed packages carry, without importing them for it."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from zoo_compress.errors import SampleError

INSTALL = "pip install 'zoo-compress[samples]'"


def require_packages(sample: str, packages: Sequence[str]) -> None:
    """Check that the distributions a sample needs are installed.

    Raises:
        SampleError: If one is not; the message says which, and the command that helps.
    """
    missing = [package for package in packages if not is_installed(package)]
    if missing:
        raise SampleError(f"sample '{sample}' needs {', '.join(missing)}; run: {INSTALL}")


def is_installed(package: str) -> bool:
    """Tell whether a distribution is installed."""
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def release(package: str) -> str:
    """Return an installed distribution's version without its local part (`+cpu`)."""
    return version(package).partition("+")[0]


def import_module(name: str) -> Any:
    """Import a module of a sample's package when it is needed.

    Raises:
        SampleError: If the module is missing or does not load.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SampleError(f"module '{name}' does not load ({error}); run: {INSTALL}") from error


def packaged_path(module: str, *parts: str) -> Path:
    """Return the path of a file or folder inside an installed top-level module.

    Raises:
        SampleError: If the module or the file is not there.
    """
    spec = find_spec(module)
    folders = (spec.submodule_search_locations if spec else None) or ()
    for folder in folders:
        path = Path(folder, *parts)
        if path.exists():
            return path
    inside = "/".join((module, *parts))
    raise SampleError(f"'{inside}' is not installed; run: {INSTALL}")
