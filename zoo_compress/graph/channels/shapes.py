"""Shapes of the values inside a graph."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common

from zoo_compress.graph.channels.target import target_lengths


def with_shapes(model: ir.Model) -> ir.Model:
    """Return the model, or a copy in which shapes are inferred where a value has none.

    Inference ends at a Reshape to a shape that is put together from lengths, as older operator
    sets have it; what is known of such a shape is stated, and inference goes on from there.
    """
    if all(value.shape is not None for node in model.graph for value in node.outputs):
        return model
    inferred = model.clone()
    common.ShapeInferencePass()(inferred)
    stated = [node for node in inferred.graph if node.op_type == "Reshape" and _state(node)]
    if stated:
        common.ShapeInferencePass()(inferred)
    return inferred


def _state(node: ir.Node) -> bool:
    """State the shape of a Reshape's output if there is none; tell whether that was possible."""
    lengths = target_lengths(node) if node.outputs[0].shape is None else None
    if lengths is None:
        return False
    node.outputs[0].shape = ir.Shape(lengths)
    return True
