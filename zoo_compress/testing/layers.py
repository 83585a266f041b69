"""Models of one layer whose output shows its weights, so that what a runtime decodes is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from zoo_compress.core import AnyArray

WEIGHT = "layer.weight"


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A model of one layer and the input that makes it show its weights.

    Attributes:
        model: The model. Its only weight is named `WEIGHT`.
        weight: The weight.
        feed: The input. Each output is a weight times 1 plus zeros, so that no rounding occurs.
        shown: Takes the output to the weights, in the shape of the weight.
    """

    model: onnx.ModelProto
    weight: AnyArray
    feed: dict[str, AnyArray]
    shown: Callable[[AnyArray], AnyArray]

    @property
    def drawn_feed(self) -> dict[str, AnyArray]:
        """The input with numbers drawn at random; row numbers stay as they are."""
        ((name, array),) = self.feed.items()
        return {name: _drawn(*array.shape) if array.dtype.kind == "f" else array}


def matrix_product(rows: int = 96, columns: int = 64) -> Layer:
    """Return a MatMul with weights of shape (rows, columns), fed the identity matrix."""
    weight = _drawn(rows, columns)
    node = helper.make_node("MatMul", ["x", WEIGHT], ["y"])
    return Layer(
        model=_model(node, weight, onnx.TensorProto.FLOAT, ["N", rows]),
        weight=weight,
        feed={"x": np.eye(rows, dtype=np.float32)},
        shown=lambda output: output,
    )


def convolution(filters: int = 48, channels: int = 24, width: int = 3) -> Layer:
    """Return a Conv with weights of shape (filters, channels, width, width), fed unit images."""
    weight = _drawn(filters, channels, width, width)
    node = helper.make_node("Conv", ["x", WEIGHT], ["y"])
    size = channels * width * width
    images = np.eye(size, dtype=np.float32).reshape(size, channels, width, width)
    return Layer(
        model=_model(node, weight, onnx.TensorProto.FLOAT, ["N", channels, width, width]),
        weight=weight,
        feed={"x": images},
        shown=lambda output: output.reshape(size, filters).T.reshape(weight.shape),
    )


def lookup(rows: int = 96, columns: int = 64) -> Layer:
    """Return a Gather from a table of shape (rows, columns), fed the number of every row."""
    weight = _drawn(rows, columns)
    node = helper.make_node("Gather", [WEIGHT, "x"], ["y"])
    return Layer(
        model=_model(node, weight, onnx.TensorProto.INT64, ["N"]),
        weight=weight,
        feed={"x": np.arange(rows)},
        shown=lambda output: output,
    )


def _drawn(*shape: int) -> AnyArray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _model(
    node: onnx.NodeProto, weight: AnyArray, kind: int, shape: list[int | str]
) -> onnx.ModelProto:
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight, WEIGHT)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
