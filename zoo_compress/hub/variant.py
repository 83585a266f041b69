"""Choose one of the `.onnx` files that a repository or folder holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from zoo_compress.errors import SourceError
from zoo_compress.hub.export.files import why_not_exported
from zoo_compress.hub.inventory import take_stock
from zoo_compress.units import readable_bytes

PREFERRED = ("onnx/model.onnx", "model.onnx")
"""Where the Hub's layout keeps the fp32 model; other names are precisions or parts of it."""

LONGEST_LIST = 8

_PRECISION = re.compile(r"_(fp16|int8|uint8|quantized|q4|q4f16|q8|bnb4)\.onnx$")


def choose_variant(source: str, files: Mapping[str, int | None]) -> str:
    """Return the model to compress among the files of a source.

    That is `onnx/model.onnx`, else `model.onnx`, else the only `.onnx` file.

    Args:
        source: What to call it in a message.
        files: Bytes by path relative to the root, None where they are not known.

    Raises:
        SourceError: If there is no `.onnx` file, or there are several and none has those names,
            as in repositories of an encoder and a decoder.
    """
    models = take_stock(files).models
    for name in PREFERRED:
        if name in models:
            return name
    if not models:
        raise without_onnx(source, files)
    if len(models) > 1:
        # Parts in full precision first: those are what one would compress.
        ordered = sorted(models, key=lambda name: (bool(_PRECISION.search(name)), name))
        raise SourceError(
            f"'{source}' holds {len(models)} models and none is called model.onnx: "
            f"{_listed(ordered, files)}; name one, for example '{source}:{ordered[0]}' (pull and "
            "run take all of them with --all)"
        )
    return models[0]


def in_full_precision(models: Sequence[str]) -> tuple[str, ...]:
    """Return the models without those that are others of them in another precision.

    `onnx/model_fp16.onnx` is one of those if there is an `onnx/model.onnx`.
    """
    originals = {name: _PRECISION.sub(".onnx", name) for name in models}
    return tuple(
        name for name, original in originals.items() if original == name or original not in models
    )


def without_onnx(source: str, files: Mapping[str, int | None]) -> SourceError:
    """Return the error that says what a source without `.onnx` file holds instead."""
    return SourceError(
        f"'{source}' holds no .onnx file (found: {take_stock(files).described}); "
        f"{why_not_exported(files)}"
    )


def _listed(names: list[str], files: Mapping[str, int | None]) -> str:
    shown = ", ".join(_with_size(name, files[name]) for name in names[:LONGEST_LIST])
    hidden = len(names) - LONGEST_LIST
    return f"{shown} and {hidden} more" if hidden > 0 else shown


def _with_size(name: str, size: int | None) -> str:
    return name if size is None else f"{name} ({readable_bytes(size)})"
