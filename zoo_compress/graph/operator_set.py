"""The version of the standard operators that a model uses, and how to raise it."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
import onnx_ir as ir
from onnx import version_converter

from zoo_compress.graph.proto import large_tensors

NAMES = ("", "ai.onnx")
"""What models call the set of standard operators."""


def operator_set(model: ir.Model) -> int:
    """Return the version of the standard operators; 0 if the model uses none of them."""
    return next((model.opset_imports[name] for name in NAMES if name in model.opset_imports), 0)


def raise_operator_set(model: ir.Model, version: int) -> ir.Model | str:
    """Return a copy of a model in a later operator set, or the reason why there is none.

    The nodes are those that onnx's version converter writes. All else stays: inputs and outputs
    with their types and free axes, the names of weights, metadata. The IR version becomes the
    first that knows the operator set. Whether it computes the same is for the caller to check by
    running both.

    The converter takes no message of more than 2 GB, and has no use for the values of weights:
    large ones and those in files are inputs in the meantime, and the copy shares them.

    Args:
        model: A normalized model, without functions; it is not changed.
        version: The operator set to raise it to.
    """
    shell, apart = _without_large_weights(model)
    try:
        converted = version_converter.convert_version(shell, version)
    # Foreign code that raises whatever its adapters meet; ConvertError is but one of these.
    except Exception as error:
        return f"onnx's converter failed: {_said(error)}"
    before, after = _interface(shell.graph), _interface(converted.graph)
    if before != after:
        return f"onnx's converter changed the inputs and outputs from {before} to {after}"
    _take_nodes(shell, converted.graph)
    _state_version(shell, version)
    raised = ir.from_proto(shell)
    _give_back(raised, model, apart)
    return raised


def _without_large_weights(
    model: ir.Model,
) -> tuple[onnx.ModelProto, Mapping[str, ir.TensorProtocol]]:
    """Return the model with inputs in the place of its large weights, and these."""
    skeleton, apart = model.clone(), large_tensors(model)
    graph = skeleton.graph
    for name, tensor in apart.items():
        value = graph.initializers[name]
        value.shape, value.dtype = ir.Shape(tensor.shape.numpy()), tensor.dtype
        value.const_value = None
        del graph.initializers[name]
        if not value.is_graph_input():
            graph.inputs.append(value)
    return ir.to_proto(skeleton), apart


def _interface(graph: onnx.GraphProto) -> tuple[list[str], list[str]]:
    return [value.name for value in graph.input], [value.name for value in graph.output]


def _take_nodes(model: onnx.ModelProto, graph: onnx.GraphProto) -> None:
    """Take over, in place, the nodes of another graph and the constants that they read."""
    for field in ("node", "initializer", "value_info"):
        model.graph.ClearField(field)
        getattr(model.graph, field).extend(getattr(graph, field))


def _state_version(model: onnx.ModelProto, version: int) -> None:
    for entry in model.opset_import:
        if entry.domain in NAMES:
            entry.version = version
    known = onnx.helper.find_min_ir_version_for(model.opset_import, ignore_unknown=True)
    model.ir_version = max(model.ir_version, known)


def _give_back(raised: ir.Model, model: ir.Model, apart: Mapping[str, ir.TensorProtocol]) -> None:
    """Make initializers, in place, of the inputs that stand for weights."""
    own = {value.name for value in model.graph.inputs}
    for value in list(raised.graph.inputs):
        name = str(value.name)
        if name in apart:
            value.const_value = apart[name]
            raised.graph.register_initializer(value)
            if name not in own:
                raised.graph.inputs.remove(value)


def _said(error: Exception) -> str:
    """Return what an error says in one line, without the place in the converter's source."""
    said = " ".join(str(error).split()).rpartition("failed: ")[2]
    return said or type(error).__name__
