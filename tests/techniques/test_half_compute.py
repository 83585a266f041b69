"""`half-compute`: float16 between casts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.techniques.integers import as_integers, run
from tests.techniques.rewritten import FRAMING, drawn, model_of, site_of, value
from zoo_compress.techniques.half_compute import HalfCompute

FLOAT = TensorProto.FLOAT
TECHNIQUE = HalfCompute({})
# Rounding of inputs, weights, bias and outputs to 11 bits, and of sums.
ALLOWED = 8 * 2.0**-11


def free(name, rank):
    return value(name, FLOAT, [f"{name}{axis}" for axis in range(rank)])


@settings(max_examples=15)
@given(
    st.sampled_from([(1, 4), (4, 1), (2, 3)]),
    st.lists(st.integers(1, 2), min_size=2, max_size=2),
    st.lists(st.integers(0, 2), min_size=4, max_size=4),
    st.sampled_from([11, 13, 17, 21]),
    st.booleans(),
)
def test_a_convolution_of_any_geometry_is_as_close_as_float16(shape, strides, pads, opset, bias):
    groups, each = shape
    weights = {"w": drawn(12 * groups, each, 3, 3)} | ({"b": drawn(12 * groups)} if bias else {})
    node = helper.make_node(
        "Conv", ["x", *weights], ["y"], group=groups, strides=strides, pads=pads
    )
    inputs = [value("x", FLOAT, ["N", groups * each, 9, 7])]
    model = model_of([node], inputs, [free("y", 4)], weights, opset=opset)
    feed = {"x": drawn(2, groups * each, 9, 7, seed=1)}
    found = as_integers(model, TECHNIQUE, [feed])
    (one,), (other,) = run(found.packed, feed), run(model, feed)
    assert np.abs(one - other).max() <= ALLOWED * np.abs(other).max()
    assert len(found.packed.SerializeToString()) == pytest.approx(
        found.predicted_bytes, abs=FRAMING
    )
    (cast,) = (
        tensor
        for tensor in found.packed.graph.initializer
        if tensor.data_type == TensorProto.FLOAT16
    )
    assert len(cast.dims) == 4


@pytest.mark.parametrize("transposed", [0, 1])
def test_a_gemm_keeps_its_orientation_and_bias(transposed):
    weights = {"w": drawn(*((48, 96) if transposed else (96, 48))), "b": drawn(48)}
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=transposed)
    model = model_of([node], [value("x", FLOAT, ["N", 96])], [free("y", 2)], weights)
    feed = {"x": drawn(5, 96, seed=1)}
    found = as_integers(model, TECHNIQUE, [feed])
    (one,), (other,) = run(found.packed, feed), run(model, feed)
    assert one.dtype == np.float32
    assert np.abs(one - other).max() <= ALLOWED * np.abs(other).max()


def test_other_types_and_readers_are_declined():
    kind = TensorProto.FLOAT16
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    half = model_of(
        [node],
        [value("x", kind, ["N", 96])],
        [value("y", kind, ["N", 64])],
        {"w": drawn(96, 64, dtype=np.float16)},
    )
    assert "float16 weights" in str(TECHNIQUE.decline(site_of(half)))
    gather = helper.make_node("Gather", ["w", "x"], ["y"])
    table = model_of(
        [gather], [value("x", TensorProto.INT64, ["N"])], [free("y", 2)], {"w": drawn(96, 64)}
    )
    assert "read by Gather" in str(TECHNIQUE.decline(site_of(table)))


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValueError, match="bits"):
        HalfCompute({"bits": 8})
