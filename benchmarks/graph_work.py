"""What the products of a model do for one sample: operations, and bytes that they move."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx
from onnx import numpy_helper

from zoo_compress.core import AnyArray, Feed
from zoo_compress.runtime.activations import activations

PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Product:
    """A convolution or matrix product on one sample.

    Attributes:
        operations: Multiplications and additions.
        weight_bytes: Bytes of the factors that are initializers.
        moved_bytes: Bytes of the other inputs and of the output.
    """

    operations: int
    weight_bytes: int
    moved_bytes: int

    def seconds(self, samples: int, *, rate: float, bandwidth: float) -> float:
        """Return the least time for samples together, weights read once: the longer of the two.

        Args:
            samples: How many.
            rate: Operations a second.
            bandwidth: Bytes a second.
        """
        moved = self.weight_bytes + samples * self.moved_bytes
        return max(samples * self.operations / rate, moved / bandwidth)


def products(model: onnx.ModelProto, feed: Feed) -> list[Product]:
    """Return the products of a model's main graph, whose shapes a run of one sample tells.

    Everything else is left out: additions and activations can run where a product writes.
    """
    nodes = [node for node in model.graph.node if node.op_type in PRODUCTS]
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    ends = [name for node in nodes for name in (*node.input, *node.output) if name]
    inside = [name for name in dict.fromkeys(ends) if name not in stored]
    (values,) = activations(model, inside, [feed])
    return [_product(node, stored, values) for node in nodes]


def _product(
    node: onnx.NodeProto, stored: Mapping[str, AnyArray], values: Mapping[str, AnyArray]
) -> Product:
    arrays = [stored[name] if name in stored else values[name] for name in node.input if name]
    output = values[node.output[0]]
    weights = [stored[name].nbytes for name in node.input if name in stored]
    others = [values[name].nbytes for name in node.input if name in values]
    return Product(
        operations=2 * _multiplications(node, [a.shape for a in arrays], output.shape),
        weight_bytes=sum(weights),
        moved_bytes=sum(others) + output.nbytes,
    )


def _multiplications(node: onnx.NodeProto, inputs: Sequence[Shape], output: Shape) -> int:
    first, second = inputs[0], inputs[1]
    if node.op_type == "Conv":
        return math.prod(output) * math.prod(second[1:])
    if node.op_type == "ConvTranspose":
        return math.prod(first) * math.prod(second[1:])
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    return math.prod(output) * int(first[0] if transposed else first[-1])


def total(found: Sequence[Product], samples: int) -> tuple[float, float]:
    """Return the operations of samples together, and the bytes that they move at least."""
    operations = samples * sum(p.operations for p in found)
    moved = sum(p.weight_bytes + samples * p.moved_bytes for p in found)
    return float(operations), float(moved)
