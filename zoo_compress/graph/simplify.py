"""Simplify a graph with onnxslim: constants folded, redundant nodes fused or removed."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Collection
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx.external_data_helper import load_external_data_for_tensor

from zoo_compress.graph.held import LARGE_BYTES, PACKED, SMALLEST_APART_BYTES, in_memory
from zoo_compress.graph.load import attach
from zoo_compress.graph.stages import open_gates

MOST_TIED = 500
"""Constants among which onnxslim looks for equal ones, pair by pair: for 2000 that took a minute
and a half of processor time. Equal nodes that read equal constants then stay."""


def simplify(path: Path, *, stored_bytes: int, large: int | None = None) -> ir.Model | str:
    """Return the simplified model, or the reason why there is none.

    Whether it computes the same as the original is for the caller to check by running both.

    onnxslim takes several times the bytes of a model, and no model above the 2 GB of a protobuf.
    To simplify a large one, its large weights are inputs without values in the meantime: only
    what would compute new weights of them is left undone.

    Args:
        path: The model file, external data beside it.
        stored_bytes: Size of the model with its external data.
        large: Bytes from which a model is large; None for `LARGE_BYTES`.
    """
    large = LARGE_BYTES if large is None else large
    model = onnx.load(path, load_external_data=stored_bytes < large)
    weights = {tensor.name for tensor in model.graph.initializer}
    before = _interface(model, weights)
    apart = _taken_out(model, path.parent) if stored_bytes >= large else {}
    # Without what was taken out: a message keeps the memory of what it loses.
    simplified = _slimmed(
        onnx.ModelProto.FromString(model.SerializeToString()) if apart else model
    )
    if isinstance(simplified, str):
        return simplified
    after = _interface(simplified, weights)
    if before != after:
        return f"onnxslim changed the inputs and outputs from {before} to {after}"
    slim = ir.from_proto(simplified)
    _put_back(slim, apart)
    attach(slim, path.absolute().parent)
    return slim


def _slimmed(model: onnx.ModelProto) -> onnx.ModelProto | str:
    import onnxslim

    logging.getLogger("onnxslim").disabled = True
    open_gates(model)
    skipped = ["weight_tying"] if len(model.graph.initializer) > MOST_TIED else []
    try:
        # It prints some of its failures, and it changes the model that it is given.
        with contextlib.redirect_stdout(io.StringIO()):
            simplified = onnxslim.slim(model, skip_optimizations=skipped)
    # onnxslim is foreign code that raises whatever its rewrites meet.
    except Exception as error:
        return f"onnxslim failed: {' '.join(str(error).split()) or type(error).__name__}"
    if not isinstance(simplified, onnx.ModelProto):
        return "onnxslim returned no model"
    return simplified


def _interface(model: onnx.ModelProto, weights: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the names of the inputs that no initializer fills, and of the outputs."""
    inputs = [value.name for value in model.graph.input if value.name not in weights]
    return inputs, [value.name for value in model.graph.output]


def _taken_out(model: onnx.ModelProto, folder: Path) -> dict[str, ir.TensorProtocol]:
    """Make inputs of the large weights of a model, in place, and return what they hold."""
    stored = model.graph.initializer
    ports = {value.name for value in (*model.graph.input, *model.graph.output)}
    apart = dict[str, ir.TensorProtocol]()
    for index in reversed(range(len(stored))):
        name, tensor = stored[index].name, ir.serde.deserialize_tensor(stored[index])
        outside = isinstance(tensor, ir.ExternalTensor)
        small = tensor.nbytes < SMALLEST_APART_BYTES
        if not (small or name in ports or tensor.dtype in PACKED):
            apart[name] = tensor if outside else in_memory(tensor)
            del stored[index]
        elif outside:
            load_external_data_for_tensor(stored[index], str(folder))
    for name, tensor in apart.items():
        shape = list(tensor.shape.numpy())
        value = onnx.helper.make_tensor_value_info(name, tensor.dtype.value, shape)
        model.graph.input.append(value)
    return apart


def _put_back(model: ir.Model, apart: dict[str, ir.TensorProtocol]) -> None:
    """Make initializers, in place, of inputs that stand for weights."""
    for value in [value for value in model.graph.inputs if value.name in apart]:
        model.graph.inputs.remove(value)
        value.const_value = apart[str(value.name)]
        model.graph.register_initializer(value)
