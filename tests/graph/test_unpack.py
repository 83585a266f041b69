import numpy as np
import onnx
import onnx_ir as ir
import pytest

from zoo_compress.graph.fragment import Fragment, insert_fragment
from zoo_compress.graph.unpack import add_unpacked_codes, role
from zoo_compress.numerics.packing import Plane, pack
from zoo_compress.runtime.session import open_session

SUM = "g (float[1] x) => (float[] y) { y = Add(x, w) }"
SHAPES = [(64,), (5, 13), (2, 3, 11), (67, 1), (1, 1), (3,)]


def unpacking(codes: np.ndarray, bits: int) -> Fragment:
    fragment = Fragment("w", "zoo.0")
    add_unpacked_codes(fragment, bits=bits, shape=codes.shape)
    fragment.finish()
    return fragment


def draw(shape, bits: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 1 << bits, shape).astype(np.uint8)


@pytest.mark.parametrize("opset", [11, 21])
@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_codes_unpack_to_floats_and_leave_no_node(shape, bits, opset, make_model, run, tmp_path):
    codes = draw(shape, bits)
    model = ir.from_proto(make_model(SUM, {"w": np.zeros(shape, np.float32)}, opset=opset))
    packed = {role(plane): data for plane, data in pack(codes.ravel(), bits).items()}
    insert_fragment(model, unpacking(codes, bits), packed)
    found = run(model, {"x": np.zeros(1, np.float32)})[0]
    assert found.shape == shape
    np.testing.assert_array_equal(found, codes)
    path = tmp_path / "optimized.onnx"
    open_session(ir.to_proto(model).SerializeToString(), threads=1, optimized_path=path)
    assert [node.op_type for node in onnx.load(path).graph.node] == ["Add"]


def test_whole_bytes_need_no_shift():
    operators = [node.op_type for node in unpacking(draw((5, 13), 8), 8).nodes]
    assert operators == ["Reshape", "Cast"]


def test_codes_that_fill_their_bytes_need_no_trimming():
    exact, padded = (unpacking(draw(shape, 4), 4) for shape in ((8, 8), (5, 13)))
    assert [node.op_type for node in exact.nodes] == ["BitShift", "BitShift", "Reshape", "Cast"]
    assert [node.op_type for node in padded.nodes][-2:] == ["Slice", "Reshape"]


def test_a_fragment_of_odd_width_has_one_tensor_for_each_plane():
    stored = {tensor.name: tensor.shape for tensor in unpacking(draw((8, 8), 7), 7).tensors}
    assert stored == {
        "zoo.0.s": (2,),
        "zoo.0.c4": (32,),
        "zoo.0.c2": (16,),
        "zoo.0.c1": (8,),
    }
    assert role(Plane(width=4, offset=0)) == "c4"
