"""Shapes of the values inside a graph."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common


def with_shapes(model: ir.Model) -> ir.Model:
    """Return the model, or a copy in which shapes are inferred where a value has none."""
    if all(value.shape is not None for node in model.graph for value in node.outputs):
        return model
    inferred = model.clone()
    common.ShapeInferencePass()(inferred)
    return inferred
