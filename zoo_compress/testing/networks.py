"""Small models with everything that a technique may meet around a weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper, parser

from zoo_compress.core import AnyArray, Feed


@dataclass(frozen=True, kw_only=True)
class Network:
    """A graph in ONNX's textual syntax, its weights, and what to run it on.

    Attributes:
        text: The graph. Lengths that it names, `batch` and others, are dynamic.
        weights: Shapes of the initializers, by name.
        inputs: Shapes of the inputs by name, for each run. `i` are indices, `c` is a condition
            that holds every other time, and all others are numbers.
        rows: Rows of the table that the indices point into.
    """

    text: str
    weights: Mapping[str, tuple[int, ...]]
    inputs: tuple[Mapping[str, tuple[int, ...]], ...]
    rows: int = 0

    def model(self, *, opset: int = 18) -> onnx.ModelProto:
        """Return the model, its weights drawn at random."""
        graph = parser.parse_graph(self.text)
        for number, (name, shape) in enumerate(self.weights.items()):
            drawn = np.random.default_rng(number).standard_normal(shape).astype(np.float32)
            graph.initializer.append(numpy_helper.from_array(drawn, name))
        imports = [helper.make_opsetid("", opset)]
        return helper.make_model(graph, opset_imports=imports, ir_version=9)

    def feeds(self) -> list[Feed]:
        """Return the inputs of each run."""
        return [
            {name: self._drawn(name, shape, run) for name, shape in shapes.items()}
            for run, shapes in enumerate(self.inputs)
        ]

    def _drawn(self, name: str, shape: tuple[int, ...], run: int) -> AnyArray:
        rng = np.random.default_rng(run)
        if name == "c":
            return np.array(run % 2 == 0)
        if name == "i":
            return rng.integers(self.rows, size=shape)
        return rng.standard_normal(shape).astype(np.float32)


NETWORKS = {
    "a convolution with strides, dilations and asymmetric pads": Network(
        text="""g (float[batch,24,height,width] x) => (float[batch,30,h,w2] y) {
            y = Conv<strides=[2,1], dilations=[1,2], pads=[0,1,2,3]>(x, w, b)
        }""",
        weights={"w": (30, 24, 3, 5), "b": (30,)},
        inputs=({"x": (1, 24, 9, 11)}, {"x": (3, 24, 14, 13)}),
    ),
    "a convolution that pads odd lengths by itself": Network(
        text="""g (float[batch,24,height,width] x) => (float[batch,30,h,w2] y) {
            y = Conv<auto_pad="SAME_UPPER", strides=[2,2], kernel_shape=[3,3]>(x, w)
        }""",
        weights={"w": (30, 24, 3, 3)},
        inputs=({"x": (1, 24, 9, 11)}, {"x": (2, 24, 8, 7)}),
    ),
    "a convolution of one axis": Network(
        text="g (float[batch,40,n] x) => (float[batch,48,m] y) { y = Conv<pads=[2,0]>(x, w) }",
        weights={"w": (48, 40, 5)},
        inputs=({"x": (1, 40, 9)}, {"x": (2, 40, 12)}),
    ),
    "a convolution of one element": Network(
        text="""g (float[batch,64,n,n] x) => (float[batch,56,m,m] y) {
            y = Conv<strides=[2,2], pads=[1,1,0,0]>(x, w, b)
        }""",
        weights={"w": (56, 64, 1, 1), "b": (56,)},
        inputs=({"x": (1, 64, 5, 5)}, {"x": (2, 64, 6, 6)}),
    ),
    "a convolution in groups": Network(
        text="g (float[batch,32,n,n] x) => (float[batch,48,m,m] y) { y = Conv<group=4>(x, w) }",
        weights={"w": (48, 8, 3, 3)},
        inputs=({"x": (1, 32, 5, 5)},),
    ),
    "a convolution channel by channel": Network(
        text="g (float[batch,96,n,n] x) => (float[batch,96,m,m] y) { y = Conv<group=96>(x, w) }",
        weights={"w": (96, 1, 5, 5)},
        inputs=({"x": (1, 96, 7, 7)},),
    ),
    "a transposed convolution": Network(
        text="""g (float[batch,24,n,n] x) => (float[batch,30,m,m] y) {
            y = ConvTranspose<strides=[2,2], pads=[1,0,0,1]>(x, w, b)
        }""",
        weights={"w": (24, 30, 3, 3), "b": (30,)},
        inputs=({"x": (1, 24, 5, 5)},),
    ),
    "a convolution to one channel": Network(
        text="g (float[batch,48,n,n] x) => (float[batch,1,m,m] y) { y = Conv(x, w) }",
        weights={"w": (1, 48, 5, 5)},
        inputs=({"x": (2, 48, 6, 6)},),
    ),
    "a convolution of one channel": Network(
        text="g (float[batch,1,n,n] x) => (float[batch,64,m,m] y) { y = Conv(x, w) }",
        weights={"w": (64, 1, 7, 7)},
        inputs=({"x": (2, 1, 9, 9)},),
    ),
    "a Gemm with a bias": Network(
        text="g (float[batch,64] x) => (float[batch,72] y) { y = Gemm<transB=1>(x, w, b) }",
        weights={"w": (72, 64), "b": (72,)},
        inputs=({"x": (1, 64)}, {"x": (5, 64)}),
    ),
    "a Gemm that scales and transposes": Network(
        text="""g (float[64,n] x) => (float[n,72] y) {
            y = Gemm<transA=1, alpha: float = 0.5, beta: float = 2.0>(x, w, b)
        }""",
        weights={"w": (64, 72), "b": (72,)},
        inputs=({"x": (64, 1)}, {"x": (64, 3)}),
    ),
    "a weight on the left": Network(
        text="g (float[batch,64,n] x) => (float[batch,72,n] y) { y = MatMul(w, x) }",
        weights={"w": (72, 64)},
        inputs=({"x": (1, 64, 3)}, {"x": (2, 64, 5)}),
    ),
    "a stack of matrices": Network(
        text="g (float[4,n,32] x) => (float[4,n,40] y) { y = MatMul(x, w) }",
        weights={"w": (4, 32, 40)},
        inputs=({"x": (4, 3, 32)},),
    ),
    "a product with an addition, of any length": Network(
        text="""g (float[batch,length,64] x) => (float[batch,length,61] y) {
            a = MatMul(x, w)
            y = Add(a, b)
        }""",
        weights={"w": (64, 61), "b": (61,)},
        inputs=({"x": (1, 4, 64)}, {"x": (2, 7, 64)}),
    ),
    "a product that is an output and is read on": Network(
        text="""g (float[batch,64] x) => (float[batch,48] z, float[batch,48] a, int64[batch] t) {
            a = MatMul(x, w)
            z = Relu(a)
            t = ArgMax<axis=1, keepdims=0>(z)
        }""",
        weights={"w": (64, 48)},
        inputs=({"x": (1, 64)}, {"x": (3, 64)}),
    ),
    "a table that is looked up twice": Network(
        text="""g (int64[batch,length] i) => (float[batch,length,40] y, float[batch,length,40] z) {
            y = Gather(w, i)
            j = Neg(i)
            z = Gather(w, j)
        }""",
        weights={"w": (90, 40)},
        inputs=({"i": (1, 4)}, {"i": (2, 3)}),
        rows=90,
    ),
    "a table that is also a matrix": Network(
        text="""g (int64[batch] i) => (float[batch,90] y) {
            a = Gather(w, i)
            y = Gemm<transB=1>(a, w)
        }""",
        weights={"w": (90, 40)},
        inputs=({"i": (1,)}, {"i": (5,)}),
        rows=90,
    ),
    "a matrix read twice": Network(
        text="""g (float[batch,56] x) => (float[batch,56] y) {
            a = MatMul(x, w)
            b = Tanh(a)
            y = MatMul(b, w)
        }""",
        weights={"w": (56, 56)},
        inputs=({"x": (1, 56)}, {"x": (3, 56)}),
    ),
    "a kernel read twice": Network(
        text="""g (float[batch,24,n,n] x) => (float[batch,24,n,n] y) {
            a = Conv<pads=[1,1,1,1]>(x, w)
            b = Relu(a)
            y = Conv<pads=[2,2,2,2], dilations=[2,2]>(b, w)
        }""",
        weights={"w": (24, 24, 3, 3)},
        inputs=({"x": (1, 24, 6, 6)},),
    ),
    "a matrix read in the branch of an If": Network(
        text="""g (float[batch,64] x, bool c) => (float[batch,48] y) {
            y = If (c) <
                then_branch = one () => (float[batch,48] p) { p = MatMul(x, w) },
                else_branch = two () => (float[batch,48] q) { r = MatMul(x, w) q = Neg(r) }
            >
        }""",
        weights={"w": (64, 48)},
        inputs=({"x": (2, 64), "c": ()}, {"x": (1, 64), "c": ()}),
    ),
}
"""What it is -> the network."""
