"""Weights get biases of their own, and the model computes what it did."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from zoo_compress.graph.biases import give_biases
from zoo_compress.graph.names import value_names
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.sites import find_sites

ROWS = "g (float[N,32] x) => (float[] y) {{ {} }}"
IMAGE = "g (float[N,8,6,6] x) => (float[] y) {{ {} }}"
WIDE = "g (float[N,256] x) => (float[] y) {{ {} }}"
IMAGES = "g (float[N,64,6,6] x) => (float[] y) {{ {} }}"
PAIR = ROWS.format("a = Gemm(x, w, b) y = Gemm(a, v, c)")


@pytest.fixture
def given(make_model, draw):
    """Return a function that gives a model's weights biases; it returns the model before too."""

    def give(text, weights, **kind):
        arrays = {n: s if isinstance(s, np.ndarray) else draw(*s) for n, s in weights.items()}
        before = normalize(ir.from_proto(make_model(text, arrays, **kind)))
        after = before.clone()
        return before, after, give_biases(after)

    return give


def biases(model) -> dict[str, str | None]:
    return {site.name: site.bias for site in find_sites(model).sites}


def assert_same_outputs(before, after, run, draw):
    assert [o.name for o in after.graph.outputs] == [o.name for o in before.graph.outputs]
    feeds = {
        v.name: draw(*(3 if isinstance(n, ir.SymbolicDim) else n for n in v.shape))
        for v in before.graph.inputs
    }
    for one, other in zip(run(before, feeds), run(after, feeds), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("opset", [11, 13, 18, 21])
@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (IMAGES.format("y = Conv(x, w)"), (5, 64, 2, 2)),
        (IMAGES.format("y = Conv<group=2, pads=[0,1,2,1], strides=[1,2]>(x, w)"), (6, 32, 3, 3)),
        (WIDE.format("y = Gemm(x, w)"), (256, 7)),
        (WIDE.format("y = Gemm<transB=1>(x, w)"), (7, 256)),
        (WIDE.format("y = MatMul(x, w)"), (256, 7)),
        (
            "g (float[N,256] x) => (float[] y, float[] z) { y = MatMul(x, w) z = Relu(y) }",
            (256, 7),
        ),
        (
            "g (float[N,256] x, float[N,7] r) => (float[] y) { a = MatMul(x, w) y = Add(a, r) }",
            (256, 7),
        ),
    ],
)
def test_a_weight_without_a_bias_gets_zeros(text, shape, opset, given, run, draw):
    before, after, count = given(text, {"w": shape}, opset=opset)
    assert (count, biases(before), biases(after)) == (1, {"w": None}, {"w": "bias.0"})
    assert_same_outputs(before, after, run, draw)


def test_identical_biases_are_parted(given, run, draw):
    same = draw(32)
    before, after, count = given(PAIR, {"w": (32, 32), "v": (32, 32), "b": same, "c": same})
    assert biases(before) == {"w": None, "v": None}
    found = biases(after)
    assert count == 1
    assert None not in found.values()
    assert found["w"] != found["v"]
    assert_same_outputs(before, after, run, draw)


def test_a_bias_that_is_also_something_else_is_copied(given, run, draw):
    text = ROWS.format("a = Gemm(x, w, b) y = Mul(a, b)")
    before, after, count = given(text, {"w": (32, 32), "b": (32,)})
    assert (count, biases(after)) == (1, {"w": "bias.0"})
    assert_same_outputs(before, after, run, draw)


def test_a_bias_that_is_an_output_is_copied(given, run, draw):
    text = "g (float[N,32] x) => (float[] y, float[8] b) { y = Gemm(x, w, b) }"
    before, after, _ = given(text, {"w": (32, 8), "b": (8,)})
    assert biases(after) == {"w": "bias.0"}
    assert_same_outputs(before, after, run, draw)


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        (IMAGE.format("y = Conv(x, w, b)"), {"w": (5, 8, 3, 3), "b": (5,)}),
        (IMAGES.format("y = ConvTranspose(x, w)"), {"w": (64, 5, 3, 3)}),
        (IMAGE.format("y = Conv<group=8>(x, w)"), {"w": (8, 1, 3, 3)}),
        (WIDE.format("y = Gemm<alpha: float = 0.5>(x, w)"), {"w": (256, 8)}),
        (WIDE.format("y = Gemm(x, w, b)"), {"w": (256, 8), "b": (1,)}),
        (WIDE.format("a = MatMul(x, w) b = MatMul(x, w) y = Add(a, b)"), {"w": (256, 8)}),
        ("g (float[256,N] x) => (float[] y) { y = MatMul(w, x) }", {"w": (8, 256)}),
        ("g (int64[N] x) => (float[] y) { y = Gather(w, x) }", {"w": (8, 256)}),
        ("g (float[N,255] x) => (float[] y) { y = MatMul(x, w) }", {"w": (255, 8)}),
    ],
)
def test_other_weights_are_left_alone(text, weights, given):
    before, after, count = given(text, weights)
    assert count == 0
    assert biases(after) == biases(before)


def test_new_names_are_none_of_the_model(make_model, draw):
    text = WIDE.format("bias_0 = Gemm(x, w) bias_1_0 = Relu(bias_0) y = MatMul(bias_1_0, v)")
    content = make_model(text, {"w": draw(256, 256), "v": draw(256, 256)}).SerializeToString()
    # The textual syntax has no dots in names.
    dotted = content.replace(b"bias_0", b"bias.0").replace(b"bias_1_0", b"bias.1.0")
    model = normalize(ir.from_proto(onnx.ModelProto.FromString(dotted)))
    assert give_biases(model) == 2
    assert biases(model) == {"w": "bias.1", "v": "bias.2"}
    assert max(value_names(model).values()) == 1
