"""Models of one layer whose output shows its weights, so that what a runtime decodes is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import ml_dtypes
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


Change = Callable[[AnyArray], AnyArray]
"""What to make of weights that were drawn at random."""


def matrix_product(
    rows: int = 96, columns: int = 64, *, change: Change = np.asarray, opset: int = 18
) -> Layer:
    """Return a MatMul with weights of shape (rows, columns), fed the identity matrix."""
    weight = change(_drawn(rows, columns))
    node = helper.make_node("MatMul", ["x", WEIGHT], ["y"])
    return Layer(
        model=_model([node], weight, ["N", rows], opset=opset),
        weight=weight,
        feed={"x": np.eye(rows, dtype=weight.dtype)},
        shown=lambda output: output,
    )


def convolution(
    filters: int = 48,
    channels: int = 24,
    width: int = 3,
    *,
    change: Change = np.asarray,
    opset: int = 18,
) -> Layer:
    """Return a Conv with weights of shape (filters, channels, width, width), fed unit images."""
    weight = change(_drawn(filters, channels, width, width))
    node = helper.make_node("Conv", ["x", WEIGHT], ["y"])
    size = channels * width * width
    images = np.eye(size, dtype=weight.dtype).reshape(size, channels, width, width)
    return Layer(
        model=_model([node], weight, ["N", channels, width, width], opset=opset),
        weight=weight,
        feed={"x": images},
        shown=lambda output: output.reshape(size, filters).T.reshape(weight.shape),
    )


def lookup(
    rows: int = 96, columns: int = 64, *, change: Change = np.asarray, opset: int = 18
) -> Layer:
    """Return a Gather from a table of shape (rows, columns), fed the number of every row.

    A table of bfloat16, which numpy cannot take over, is cast to float32 behind that.
    """
    weight = change(_drawn(rows, columns))
    nodes = [helper.make_node("Gather", [WEIGHT, "x"], ["y"])]
    if weight.dtype == ml_dtypes.bfloat16:
        nodes[0].output[0] = "rows"
        nodes.append(helper.make_node("Cast", ["rows"], ["y"], to=onnx.TensorProto.FLOAT))
    return Layer(
        model=_model(nodes, weight, ["N"], opset=opset, kind=onnx.TensorProto.INT64),
        weight=weight,
        feed={"x": np.arange(rows)},
        shown=lambda output: output.astype(weight.dtype),
    )


LAYERS: dict[str, Callable[..., Layer]] = {
    "matrix product": matrix_product,
    "convolution": convolution,
    "lookup": lookup,
}
"""What a technique is first tried on, with all its options."""

SMALL_LAYERS: dict[str, Callable[[], Layer]] = {
    "small matrix": partial(matrix_product, 8, 8),
    "small table": partial(lookup, 8, 8),
}
"""Layers with too few weights for most techniques to gain anything."""


def _zero_rows(weight: AnyArray) -> AnyArray:
    weight[::3] = 0
    return weight


def _zero_columns(weight: AnyArray) -> AnyArray:
    weight[:, 1::4] = 0
    return weight


def _rows_of_any_magnitude(weight: AnyArray) -> AnyArray:
    exponents = np.linspace(-30, 30, len(weight), dtype=np.float32)
    magnitudes: AnyArray = np.exp2(exponents).reshape(-1, *[1] * (weight.ndim - 1))
    return weight * magnitudes


CHANGES: dict[str, Change] = {
    "rows of zeros": _zero_rows,
    "columns of zeros": _zero_columns,
    "zeros": np.zeros_like,
    "constant": lambda weight: np.full_like(weight, -0.37),
    "tiny": lambda weight: weight * np.float32(1e-30),
    "huge": lambda weight: weight * np.float32(1e30),
    "of any magnitude": _rows_of_any_magnitude,
    "float16": lambda weight: weight.astype(np.float16),
}
"""What a weight is -> how to make one."""

LENGTHS: dict[str, Callable[[], Layer]] = {
    "matrix of odd lengths": partial(matrix_product, 97, 61),
    "matrix of one column": partial(matrix_product, 512, 1),
    "matrix of one row": partial(matrix_product, 1, 512),
    "kernel of odd lengths": partial(convolution, 47, 23, 5),
    "kernel of one filter": partial(convolution, 1, 96, 3),
    "kernel of one channel": partial(convolution, 96, 1, 5),
    "kernel of one element": partial(convolution, 64, 56, 1),
    "table of odd lengths": partial(lookup, 97, 61),
    "table of one row": partial(lookup, 1, 512),
    "table of one column": partial(lookup, 512, 1),
}

VARIANTS: dict[str, Callable[[], Layer]] = (
    LENGTHS
    | {
        f"{layer}, {name}": partial(make, change=change)
        for layer, make in LAYERS.items()
        for name, change in CHANGES.items()
    }
    | {
        f"{layer}, operator set {opset}": partial(make, opset=opset)
        for layer, make in LAYERS.items()
        for opset in (11, 13, 16, 19, 21)
    }
    | {
        "lookup, bfloat16": partial(lookup, change=lambda w: w.astype(ml_dtypes.bfloat16)),
        "matrix product, float64": partial(
            matrix_product, change=lambda w: w.astype(np.float64) / 3
        ),
    }
)
"""Layers of other lengths, weights, types and operator sets."""


def _drawn(*shape: int) -> AnyArray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _model(
    nodes: Sequence[onnx.NodeProto],
    weight: AnyArray,
    shape: list[int | str],
    *,
    opset: int,
    kind: int | None = None,
) -> onnx.ModelProto:
    own = helper.np_dtype_to_tensor_dtype(weight.dtype)
    shown = onnx.TensorProto.FLOAT if own == onnx.TensorProto.BFLOAT16 else own
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", own if kind is None else kind, shape)],
        [helper.make_tensor_value_info("y", shown, None)],
        [numpy_helper.from_array(weight, WEIGHT)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
