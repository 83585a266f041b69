"""Where the files of a compressed model go in a repository."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

from zoo_compress.core import Plan

Layout = Literal["plain", "transformers-js"]
LAYOUTS: tuple[str, ...] = get_args(Layout)

QUARTER = 4
"""Bits of a weight that transformers.js calls q4."""
FLOAT16 = frozenset({"float16", "half-compute"})


def model_suffix(plan: Plan) -> str:
    """Return the suffix by which transformers.js finds a model of this kind.

    `_fp16` (`dtype: 'fp16'`) where every weight is float16; `_q4` (`dtype: 'q4'`) where all are
    MatMulNBits blocks of 4 bits; else `_quantized` (`dtype: 'q8'`, what it takes by default in a
    browser).
    """
    options = list(plan.choices.values())
    if options and all(option.technique in FLOAT16 for option in options):
        return "_fp16"
    if options and all(_is_quarter(option.technique, option.settings) for option in options):
        return "_q4"
    return "_quantized"


def _is_quarter(technique: str, settings: Any) -> bool:
    return technique == "matmul-nbits" and settings.get("bits") == QUARTER


def place(name: str, *, model: str, data: Collection[str], layout: Layout, suffix: str) -> str:
    """Return the path in the repository of a file of a run.

    Args:
        name: The file, relative to the run's folder.
        model: Name of the model's file there.
        data: Names of its external data files. They keep their names, which the model refers to.
        layout: `plain`, everything at the root as it is in the run's folder; or
            `transformers-js`, the model and its data in `onnx/`, everything else at the root.
        suffix: For transformers.js, what the model's name ends in.
    """
    if layout == "plain":
        return name
    if name == model:
        return f"onnx/{PurePosixPath(model).stem}{suffix}.onnx"
    return f"onnx/{name}" if name in data else name
