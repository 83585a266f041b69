from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import helper

from zoo_compress.graph.borders import without_borders
from zoo_compress.graph.excerpt import excerpt, excerpt_inputs
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.graph.sites import find_sites

GRAPH = """
g (float[1, 4, 6, 6] x) => (float[1, 16] y, float[1, 4, 4, 4] b) {
    a = Conv(x, w)
    b = Relu(a)
    p = MaxPool<kernel_shape=[2, 2]>(b)
    c = Conv(p, v)
    d = Clip(c, lo, hi)
    e = Add(d, shift)
    f = GlobalAveragePool(e)
    h = Flatten(f)
    m = MatMul(h, u)
    y = Add(m, bias)
}
"""


@pytest.fixture
def model(make_model, draw):
    weights = {
        "w": draw(4, 4, 3, 3),
        "v": draw(4, 4, 2, 2),
        "u": draw(4, 16),
        "bias": draw(16),
        "shift": draw(1, 4, 1, 1),
        "lo": np.float32(0),
        "hi": np.float32(6),
    }
    return normalize(ir.from_proto(make_model(GRAPH, weights)))


@pytest.fixture
def feed(draw):
    return {"x": 1 + draw(1, 4, 6, 6)}


def site_of(model, name):
    return next(site for site in find_sites(model).sites if site.name == name)


def inside(model, names, feed, run):
    """Return what tensors hold; they become outputs of a copy."""
    proto = to_compact_proto(model)
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name != "x")
    found = run(proto, feed)
    return dict(zip([name for name in names if name != "x"], found, strict=True)) | feed


def operators(model) -> list[str]:
    return [node.op_type for node in to_compact_proto(model).graph.node]


@pytest.mark.parametrize(
    ("site", "taken", "given", "nodes"),
    [
        ("w", "x", "b", ["Conv", "Relu"]),
        ("v", "b", "e", ["MaxPool", "Conv", "Clip", "Add"]),
        ("u", "h", "y", ["MatMul", "Add"]),
    ],
)
def test_an_excerpt_gives_out_what_the_model_has_there(
    model, feed, run, site, taken, given, nodes
):
    found = site_of(model, site)
    assert excerpt_inputs(model, found) == (taken,)
    values = inside(model, [taken, given], feed, run)
    part = excerpt(model, found, {taken: values[taken]})
    assert operators(part) == nodes
    (output,) = run(to_compact_proto(part), {taken: values[taken]})
    np.testing.assert_allclose(output, values[given], rtol=1e-5, atol=1e-5)


def test_the_model_is_not_changed(model, feed, run):
    before = to_compact_proto(model).SerializeToString(deterministic=True)
    excerpt(model, site_of(model, "w"), feed)
    assert to_compact_proto(model).SerializeToString(deterministic=True) == before


def test_nothing_is_taken_along_behind_a_tensor_that_others_read(make_model, draw, run):
    text = """
    g (float[1, 4, 6, 6] x) => (float[1, 4, 4, 4] y) {
        a = Conv(x, w)
        b = Relu(a)
        y = Add(a, b)
    }
    """
    model = normalize(ir.from_proto(make_model(text, {"w": draw(4, 4, 3, 3)})))
    part = excerpt(model, site_of(model, "w"), {"x": draw(1, 4, 6, 6)})
    assert operators(part) == ["Conv"]


def test_a_weight_read_twice_has_both_readers_in_its_excerpt(make_model, draw, run):
    text = """
    g (float[2, 8] x, float[3, 8] z) => (float[2, 8] y, float[3, 8] v) {
        y = MatMul(x, w)
        a = MatMul(z, w)
        v = Relu(a)
    }
    """
    model = normalize(ir.from_proto(make_model(text, {"w": draw(8, 8)})))
    site = site_of(model, "w")
    assert excerpt_inputs(model, site) == ("x", "z")
    feeds = {"x": draw(2, 8), "z": draw(3, 8)}
    part = excerpt(model, site, feeds)
    for one, other in zip(run(to_compact_proto(part), feeds), run(model, feeds), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_weight_read_in_a_body_has_no_excerpt(make_model, draw):
    text = """
    g (bool c, float[2, 8] x) => (float[2, 8] y) {
        y = If (c) <
            then_branch = t () => (float[2, 8] a) { a = MatMul(x, w) },
            else_branch = e () => (float[2, 8] b) { b = Identity(x) }
        >
    }
    """
    model = normalize(ir.from_proto(make_model(text, {"w": draw(8, 8)})))
    site = site_of(model, "w")
    assert excerpt_inputs(model, site) is None
    with pytest.raises(ValueError, match="'w' is read in the body"):
        excerpt(model, site, {})


def quantized(draw, *, output=True):
    """A matrix product between conversions to 8-bit numbers and back."""
    initializers = {
        "s": np.float32(0.05),
        "z": np.uint8(128),
        "w": draw(8, 8),
        "t": np.float32(0.2),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("MatMul", ["d", "w"], ["m"]),
        helper.make_node("QuantizeLinear", ["m", "t", "z"], ["r"]),
        helper.make_node("DequantizeLinear", ["r", "t", "z"], ["y"]),
    ]
    kept = nodes if output else nodes[:3]
    graph = helper.make_graph(
        kept,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, 8])],
        [helper.make_tensor_value_info("y" if output else "m", onnx.TensorProto.FLOAT, [2, 8])],
        [onnx.numpy_helper.from_array(np.asarray(a), name) for name, a in initializers.items()],
    )
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def test_between_others_of_its_kind_a_layer_takes_in_and_gives_out_codes(draw, run):
    whole, feed = quantized(draw), {"x": draw(2, 8)}
    inner, taken = without_borders(whole, feed)
    assert operators(ir.from_proto(inner)) == ["DequantizeLinear", "MatMul", "QuantizeLinear"]
    assert {name: array.dtype for name, array in taken.items()} == {"q": np.uint8}
    (codes,), (floats,) = run(inner, taken), run(whole, feed)
    assert codes.dtype == np.uint8
    np.testing.assert_allclose((codes - np.float32(128)) * np.float32(0.2), floats, atol=1e-6)


def test_floats_that_a_layer_gives_out_stay_floats(draw, run):
    whole, feed = quantized(draw, output=False), {"x": draw(2, 8)}
    inner, taken = without_borders(whole, feed)
    np.testing.assert_array_equal(run(inner, taken)[0], run(whole, feed)[0])


def test_a_tensor_that_something_else_reads_too_keeps_its_conversion(draw, run):
    whole = quantized(draw)
    whole.graph.node.append(helper.make_node("Relu", ["x"], ["v"]))
    whole.graph.output.append(helper.make_tensor_value_info("v", onnx.TensorProto.FLOAT, [2, 8]))
    _, taken = without_borders(whole, {"x": draw(2, 8)})
    assert set(taken) == {"x"}


def test_casts_at_the_borders_go_too(run, draw):
    text = """
    g (float[2, 8] x) => (float[2, 8] y) {
        h = Cast<to=10>(x)
        m = MatMul(h, w)
        y = Cast<to=1>(m)
    }
    """
    from tests.graph.conftest import parse

    whole = parse(text, {"w": draw(8, 8).astype(np.float16)})
    feed = {"x": draw(2, 8)}
    inner, taken = without_borders(whole, feed)
    assert operators(ir.from_proto(inner)) == ["MatMul"]
    found = run(inner, taken)[0]
    assert found.dtype == np.float16
    # Without half-precision kernels the runtime computes with floats between the casts.
    np.testing.assert_allclose(found.astype(np.float32), run(whole, feed)[0], rtol=1e-2)


def test_a_model_without_conversions_stays_as_it_is(model, feed):
    proto = to_compact_proto(model)
    inner, taken = without_borders(proto, feed)
    assert inner == proto
    assert taken == feed


def test_weights_may_be_supplied_beside_a_model_whose_borders_go(draw):
    whole = quantized(draw)
    weight = next(tensor for tensor in whole.graph.initializer if tensor.name == "w")
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="supplied")
    _, taken = without_borders(whole, {"x": draw(2, 8)})
    assert set(taken) == {"q"}
