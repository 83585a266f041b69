import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from zoo_compress.graph.bitmask import add_scattered, packed_mask
from zoo_compress.graph.fragment import Fragment, insert_fragment
from zoo_compress.runtime.session import open_session

SUM = "g (float[1] x) => (float[] y) { y = Add(x, w) }"
SHAPES = [(64,), (5, 13), (2, 3, 11), (67, 1), (1, 1), (3,)]


def scattering(mask) -> Fragment:
    fragment = Fragment("w", "zoo.0")
    values = fragment.store("v", (int(np.count_nonzero(mask)),), np.float32)
    add_scattered(fragment, values, shape=mask.shape)
    fragment.finish()
    return fragment


def scattered(make_model, mask, values, opset=18) -> onnx.ModelProto:
    model = ir.from_proto(make_model(SUM, {"w": np.zeros(mask.shape, np.float32)}, opset=opset))
    insert_fragment(model, scattering(mask), {**packed_mask(mask), "v": values})
    return ir.to_proto(model)


def expected(mask, values) -> np.ndarray:
    dense = np.zeros(mask.shape, np.float32)
    dense[mask] = values
    return dense


@pytest.mark.parametrize("opset", [11, 13, 14, 21])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_end_up_where_bits_are_set_and_leave_no_node(
    shape, opset, make_model, run, tmp_path
):
    rng = np.random.default_rng(0)
    mask = rng.random(shape) < 0.4
    values = rng.standard_normal(np.count_nonzero(mask)).astype(np.float32)
    model = scattered(make_model, mask, values, opset)
    (found,) = run(model, {"x": np.zeros(1, np.float32)})
    np.testing.assert_array_equal(found, expected(mask, values))
    path = tmp_path / "optimized.onnx"
    open_session(model.SerializeToString(), threads=1, optimized_path=path)
    assert [node.op_type for node in onnx.load(path).graph.node] == ["Add"]


@given(mask=arrays(np.bool_, array_shapes(max_dims=4, max_side=9)))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mask_is_followed(mask, make_model, run):
    values = np.arange(1, np.count_nonzero(mask) + 1, dtype=np.float32)
    (found,) = run(scattered(make_model, mask, values), {"x": np.zeros(1, np.float32)})
    np.testing.assert_array_equal(found, expected(mask, values))


def test_a_mask_takes_one_bit_for_each_element():
    mask = np.random.default_rng(0).random((5, 13)) < 0.5
    packed = packed_mask(mask)["b"]
    assert (packed.shape, packed.dtype) == ((9,), np.uint8)
    bits = np.unpackbits(packed[None], axis=0, bitorder="little").reshape(-1)
    np.testing.assert_array_equal(bits[:65], mask.reshape(-1))


def test_a_mask_that_fills_its_bytes_needs_no_trimming():
    exact, padded = (scattering(np.ones(shape, np.bool_)) for shape in ((8, 8), (5, 13)))
    assert "Slice" not in [node.op_type for node in exact.nodes]
    assert "Slice" in [node.op_type for node in padded.nodes]


def test_masks_of_several_weights_share_their_constants():
    one, other = (scattering(np.ones(shape, np.bool_)).shared_bytes for shape in ((5, 13), (7, 9)))
    assert one == other
