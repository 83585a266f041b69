"""Check that the exported model of a sample is the torch module."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo_compress.core import Feed
from zoo_compress.errors import SampleError
from zoo_compress.runtime.torch_export import compare_export

TOLERANCE = 1e-3
"""Largest difference between an exported and the original output that is taken for rounding."""


def check_export(module: Any, path: Path, feeds: Sequence[Feed]) -> None:
    """Compare the exported model with the module on real samples.

    Raises:
        SampleError: If an output differs by more than `TOLERANCE`.
    """
    worst = compare_export(module, path, feeds).absolute
    if not worst <= TOLERANCE:
        raise SampleError(
            f"the export differs from the torch model by {worst:.3g} (at most {TOLERANCE:g}); "
            "another version of torch may export it correctly"
        )
