import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto, helper
from pydantic import ValidationError

from tests.techniques.rewritten import (
    assert_predicted,
    assert_same_outputs,
    correlated,
    drawn,
    model_of,
    rewritten,
    site_of,
    value,
)
from zoo_compress.core import Option, Site
from zoo_compress.techniques.float16 import Float16

OPTION = Option(technique="float16", settings={}, stored_bytes=0)
LONG = "/text_model/encoder/layers/self_attn/query_key_value_projection/MatMul_weight"
OPERATORS = {
    "conv": ("g (T[1,5,6,6] x) => (T[] y) { y = Conv(x, w) }", (7, 5, 3, 3)),
    "depthwise conv": ("g (T[1,9,6,6] x) => (T[] y) { y = Conv<group=9>(x, w) }", (9, 1, 3, 3)),
    "conv transposed": ("g (T[1,5,6,6] x) => (T[] y) { y = ConvTranspose(x, w) }", (5, 7, 3, 3)),
    "gemm": ("g (T[2,13] x) => (T[] y) { y = Gemm<transB=1>(x, w) }", (15, 13)),
    "matmul of a stack": ("g (T[3,2,5] x) => (T[] y) { y = MatMul(x, w) }", (3, 5, 15)),
    "gather": ("g (int64[N] x) => (T[] y) { y = Gather(w, x) }", (15, 13)),
    "single channel": ("g (T[1,9,9,9] x) => (T[] y) { y = Conv(x, w) }", (1, 9, 3, 3)),
}


def product(weight, *, name="w", opset=18):
    kind = helper.np_dtype_to_tensor_dtype(weight.dtype)
    node = helper.make_node("MatMul", ["x", name], ["y"])
    ends = [value("x", kind, ["N", len(weight)])], [value("y", kind, ["N", weight.shape[1]])]
    return model_of([node], *ends, {name: weight}, opset=opset)


def site(shape=(16, 16), dtype="float32") -> Site:
    return Site(name="w", shape=shape, dtype=dtype, channel_axis=0, readers=())


def encode(weight, dtype="float32"):
    return Float16({}).encode(weight, site(weight.shape, dtype), OPTION)


@pytest.mark.parametrize("opset", [11, 13, 18, 21])
@pytest.mark.parametrize("operator", OPERATORS)
def test_weights_of_every_operator_decode_exactly_and_leave_no_node(
    operator, opset, make_model, load, optimized
):
    text, shape = OPERATORS[operator]
    model = make_model(text, {"w": drawn(*shape)}, opset=opset, ir_version=10)
    found = rewritten(model, Float16({}), option=OPTION)
    assert load(found)["w"].tobytes() == found.encoded["w"].dense.tobytes()
    assert optimized(found.packed) == optimized(found.dense)


def test_weights_of_double_precision_are_stored_in_a_quarter():
    found = rewritten(product(drawn(64, 48, dtype=np.float64)), Float16({}))
    assert found.encoded["w"].dense.dtype == np.float64
    assert_predicted(found)
    assert_same_outputs(found, {"x": drawn(3, 64, dtype=np.float64)})
    assert found.predicted_bytes < 64 * 48 * 2 + 300


@given(
    arrays(np.float32, (8, 8), elements=st.floats(width=32, allow_nan=False, allow_infinity=False))
)
def test_each_weight_is_off_by_what_float16_rounds(weight):
    dense = encode(weight).dense
    assert dense.dtype == np.float32
    clipped = np.clip(weight, -65504, 65504)
    allowed = np.maximum(np.abs(clipped) * np.float32(2**-11), np.float32(2**-25))
    assert (np.abs(dense - clipped) <= allowed).all()


def test_magnitudes_beyond_the_largest_float16_become_it_without_a_warning():
    weight = np.full((8, 8), 1e30, np.float32)
    weight[0] = -65520
    dense = encode(weight).dense
    np.testing.assert_array_equal(dense[1:], 65504)
    np.testing.assert_array_equal(dense[0], -65504)


def test_weights_below_the_subnormals_become_zero():
    np.testing.assert_array_equal(encode(np.full((8, 8), 2.0**-26, np.float32)).dense, 0)


def test_calibration_makes_no_difference():
    model = product(drawn(64, 48))
    known = correlated(site_of(model), "error-feedback", "scale-refit")
    plain, aware = (
        Float16({}).encode(drawn(64, 48), site_of(model), OPTION, calibration)
        for calibration in (None, known)
    )
    assert plain.tensors["h"].tobytes() == aware.tensors["h"].tobytes()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_weights_no_wider_than_float16_are_declined(dtype):
    known = site_of(product(drawn(64, 48).astype(dtype)))
    assert Float16({}).decline(known) == f"{np.dtype(dtype).name} weights: float16 is no narrower"
    assert Float16({}).options(known) == []


def test_a_weight_too_small_to_gain_is_declined_with_its_size():
    tiny = site(shape=(4, 4))
    assert Float16({}).decline(tiny) == "64 bytes: float16 and its Cast take no less"


@pytest.mark.parametrize("name", ["w", LONG])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_file_takes_the_predicted_bytes(name, dtype):
    assert_predicted(rewritten(product(drawn(63, 47, dtype=dtype), name=name), Float16({})))


def test_a_table_keeps_rows_and_tied_readers():
    nodes = [
        helper.make_node("Gather", ["w", "i"], ["e"]),
        helper.make_node("Gemm", ["e", "w"], ["y"], transB=1),
    ]
    inputs = [value("i", TensorProto.INT64, ["N"])]
    model = model_of(nodes, inputs, [value("y", shape=["N", 40])], {"w": drawn(40, 24)})
    found = rewritten(model, Float16({}))
    assert [tensor.name for tensor in found.packed.graph.initializer] == ["zoo.0.h"]
    assert_same_outputs(found, {"i": np.array([3, -1, 39])})


def test_settings_are_refused_by_name():
    with pytest.raises(ValidationError, match=r"bits\n.*Extra inputs are not permitted"):
        Float16({"bits": [8]})
