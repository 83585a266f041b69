"""Simplify a graph with onnxslim: constants folded, redundant nodes fused or removed."""

from __future__ import annotations

import logging
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

    logging.getLogger("OnnxSlim").setLevel(logging.ERROR)
    model = onnx.load(path)
    try:
        simplified = onnxslim.slim(model)
    # onnxslim is foreign code that raises whatever its rewrites meet.
    except Exception as error:
        return f"onnxslim failed: {' '.join(str(error).split()) or type(error).__name__}"
    if not isinstance(simplified, onnx.ModelProto):
        return "onnxslim returned no model"
    return _changed_interface(model, simplified) or simplified


def _changed_interface(model: onnx.ModelProto, simplified: onnx.ModelProto) -> str | None:
    """Return what differs in the graphs' inputs and outputs, or None."""
    weights = {tensor.name for tensor in model.graph.initializer}
    for role in ("input", "output"):
        before = [v.name for v in getattr(model.graph, role) if v.name not in weights]
        after = [v.name for v in getattr(simplified.graph, role) if v.name not in weights]
        if before != after:
            return f"onnxslim changed the {role}s from {before} to {after}"
    return None
