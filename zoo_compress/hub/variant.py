"""Choose one of the `.onnx` files that a repository or folder holds."""

from __future__ import annotations

from collections.abc import Iterable

from zoo_compress.errors import SourceError

PREFERRED = ("onnx/model.onnx", "model.onnx")
"""Where the Hub's layout keeps the fp32 model; other names are precisions or parts of it."""

LONGEST_LIST = 8


def choose_variant(source: str, files: Iterable[str]) -> str:
    """Return the model to compress among file paths relative to the root of `source`.

    That is `onnx/model.onnx`, else `model.onnx`, else the only `.onnx` file.

    Raises:
        SourceError: If there is no `.onnx` file, or there are several and none has those names.
    """
    models = sorted(name for name in files if name.endswith(".onnx"))
    for name in PREFERRED:
        if name in models:
            return name
    if not models:
        raise SourceError(
            f"'{source}' holds no .onnx file; export the model to ONNX first (for example with "
            "'optimum-cli export onnx')"
        )
    if len(models) > 1:
        raise SourceError(
            f"'{source}' holds {len(models)} models and none is called model.onnx: "
            f"{_listed(models)}; name one, for example '{source}:{models[0]}'"
        )
    return models[0]


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:LONGEST_LIST])
    hidden = len(names) - LONGEST_LIST
    return f"{shown} and {hidden} more" if hidden > 0 else shown
