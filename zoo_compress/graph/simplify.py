"""Simplify a graph with onnxslim: constants folded, redundant nodes fused or removed."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Collection
from pathlib import Path

import onnx

# onnxslim works on the whole protobuf in memory, and so must stay below protobuf's limit.
LARGEST_BYTES = 1 << 31


def simplify(path: Path, *, stored_bytes: int) -> onnx.ModelProto | str:
    """Return the simplified model, or the reason why there is none.

    Whether it computes the same as the original is for the caller to check by running both.

    Args:
        path: The model file, external data beside it.
        stored_bytes: Size of the model with its external data.
    """
    if stored_bytes >= LARGEST_BYTES:
        return f"{stored_bytes} bytes are above the 2 GB that onnxslim can take"
    import onnxslim

    logging.getLogger("onnxslim").disabled = True
    model = onnx.load(path)
    weights = {tensor.name for tensor in model.graph.initializer}
    before = _interface(model, weights)
    try:
        # It prints some of its failures, and it changes the model that it is given.
        with contextlib.redirect_stdout(io.StringIO()):
            simplified = onnxslim.slim(model)
    # onnxslim is foreign code that raises whatever its rewrites meet.
    except Exception as error:
        return f"onnxslim failed: {' '.join(str(error).split()) or type(error).__name__}"
    if not isinstance(simplified, onnx.ModelProto):
        return "onnxslim returned no model"
    after = _interface(simplified, weights)
    if before != after:
        return f"onnxslim changed the inputs and outputs from {before} to {after}"
    return simplified


def _interface(model: onnx.ModelProto, weights: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the names of the inputs that no initializer fills, and of the outputs."""
    inputs = [value.name for value in model.graph.input if value.name not in weights]
    return inputs, [value.name for value in model.graph.output]
