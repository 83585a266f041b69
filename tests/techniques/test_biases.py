"""Biases in half precision: which are halved, what the file then holds, and its bytes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import numpy_helper

from tests.techniques.inputs import calibration, codes, drawn, rows_of, site_of
from zoo_compress.core import Plan
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.graph.sites import find_sites
from zoo_compress.techniques.biases import bias_bytes, halved_biases, store_halved, to_half
from zoo_compress.techniques.codes import Codes
from zoo_compress.techniques.encoder import Encoder
from zoo_compress.techniques.matmul_nbits import MatMulNBits
from zoo_compress.techniques.spatial_split import SpatialSplit
from zoo_compress.techniques.svd import Svd
from zoo_compress.techniques.tucker import Tucker

GRAPHS = {
    "conv": ("g (T[N,6,5,5] x) => (T[] y) { y = Conv(x, w, b) }", (64, 6, 3, 3)),
    "gemm": ("g (T[N,24] x) => (T[] y) { y = Gemm<transB=1>(x, w, b) }", (64, 24)),
    "matmul": ("g (T[N,24] x) => (T[] y) { a = MatMul(x, w) y = Add(a, b) }", (24, 64)),
}


def halved(bias, *, dtype="float32") -> bool:
    site = site_of("matrix", bias="b", dtype=dtype)
    return "b" in halved_biases([site], {"w": drawn(*site.shape), "b": bias.astype(dtype)})


@pytest.mark.parametrize("scale", [7e-5, 1.0, 1e4])
def test_a_bias_that_float16_holds_is_halved(scale):
    assert halved(scale * np.linspace(-1, 1, 200))


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([7e4], id="beyond the largest"),
        pytest.param([1e-5 / 3] * 3, id="below the normal range"),
        pytest.param([np.inf], id="infinite"),
        pytest.param([np.nan, 1.0], id="no number"),
    ],
)
def test_a_bias_that_float16_does_not_hold_stays(values):
    bias = np.zeros(200)
    bias[: len(values)] = values
    assert not halved(bias)


def test_zeros_are_halved():
    assert halved(np.zeros(200))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_bias_that_is_no_wider_stays(dtype):
    assert not halved(np.ones(200), dtype=dtype)


def test_a_bias_for_which_the_cast_takes_more_than_it_saves_stays():
    assert not halved(np.ones(8))
    assert halved(np.ones(64))


def test_a_site_without_a_bias_has_none_to_halve():
    assert halved_biases([site_of("matrix")], {}) == {}


@pytest.mark.parametrize("opset", [11, 13, 18, 21])
@pytest.mark.parametrize(
    ("kind", "dtype"),
    # ONNX Runtime has no Conv of doubles.
    [*((kind, "float32") for kind in GRAPHS), ("gemm", "float64"), ("matmul", "float64")],
)
def test_the_file_holds_what_was_predicted_and_computes_with_the_rounded_bias(
    kind, opset, dtype, make_model, run, optimized
):
    text, shape = GRAPHS[kind]
    weights = {"w": drawn(*shape).astype(dtype), "b": drawn(64, seed=3).astype(dtype)}
    proto = make_model(text, weights, dtype=dtype, opset=opset)
    model = normalize(ir.from_proto(onnx.ModelProto.FromString(proto.SerializeToString())))
    (site,) = find_sites(model).sites
    before = len(to_compact_proto(model).SerializeToString())
    predicted = halved_biases([site], weights)["b"] - bias_bytes(site, weights["b"])
    store_halved(model, site, weights["b"])
    packed = to_compact_proto(model)
    assert 0 <= before + predicted - len(packed.SerializeToString()) <= 2
    weights["b"] = to_half(weights["b"]).astype(dtype)
    dense = make_model(text, weights, dtype=dtype, opset=opset)
    x = drawn(2, 6, 5, 5) if kind == "conv" else drawn(2, 24)
    feeds = {"x": x.astype(dtype)}
    np.testing.assert_array_equal(run(packed, feeds)[0], run(dense, feeds)[0])
    assert optimized(packed) == optimized(dense) != Counter()


def test_a_correction_is_made_before_it_is_rounded():
    site = site_of("matrix", bias="b")
    weights = {"w": drawn(*site.shape), "b": drawn(site.shape[0], seed=2)}
    known = {"w": calibration(site, rows_of(site), "bias-correction")}
    common = {"sites": [site], "weights": weights, "techniques": {"codes": Codes({})}}
    plan = Plan(choices={"w": codes(3)})
    exact = Encoder(**common, calibrations=known).dense(plan)["b"]
    found = Encoder(**common, calibrations=known, halved=["b"]).dense(plan)["b"]
    np.testing.assert_array_equal(found, to_half(exact).astype(np.float32))
    assert not np.array_equal(to_half(exact), to_half(weights["b"]))


def test_a_bias_without_correction_is_rounded_where_its_weight_is_compressed():
    site = site_of("matrix", bias="b")
    weights = {"w": drawn(*site.shape), "b": drawn(site.shape[0], seed=2)}
    encoder = Encoder(sites=[site], weights=weights, techniques={"codes": Codes({})}, halved=["b"])
    found = encoder.dense(Plan(choices={"w": codes(3)}))["b"]
    np.testing.assert_array_equal(found, to_half(weights["b"]).astype(np.float32))
    assert encoder.dense(Plan()) == {}


def test_a_correction_beyond_float16_is_as_large_as_that_allows():
    np.testing.assert_array_equal(to_half(np.float32([1e6, -1e6])), np.float16([65504, -65504]))


@pytest.mark.parametrize(
    ("technique", "kind"),
    [
        (Svd({}), "gemm"),
        (MatMulNBits({}), "gemm"),
        (MatMulNBits({}), "matmul"),
        (SpatialSplit({}), "conv"),
        (Tucker({}), "conv"),
    ],
)
def test_a_bias_is_halved_where_other_nodes_take_the_place_of_its_reader(
    technique, kind, make_model, run
):
    text, shape = GRAPHS[kind]
    text = text.replace("24", "96").replace("6,5,5", "32,5,5")
    shape = tuple({24: 96, 6: 32}.get(length, length) for length in shape)
    weights = {"w": drawn(*shape), "b": drawn(64, seed=3)}
    model = normalize(ir.from_proto(make_model(text, weights)))
    (site,) = find_sites(model).sites
    option = technique.options(site)[0]
    technique.rewrite(model, site, technique.encode(weights["w"], site, option))
    exact = to_compact_proto(model)
    (stored,) = (t for t in exact.graph.initializer if t.name == "b")
    rounded = to_half(weights["b"]).astype(np.float32)
    stored.CopyFrom(numpy_helper.from_array(rounded, "b"))
    store_halved(model, site, weights["b"])
    feeds = {"x": drawn(2, 32, 5, 5) if kind == "conv" else drawn(2, 96)}
    np.testing.assert_array_equal(run(to_compact_proto(model), feeds)[0], run(exact, feeds)[0])
