import ml_dtypes
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from pydantic import ValidationError

from tests.techniques.rewritten import (
    assert_predicted,
    assert_same_outputs,
    drawn,
    model_of,
    rewritten,
    site_of,
    sites_of,
    value,
)
from zoo_compress.core import Option
from zoo_compress.runtime.session import open_session
from zoo_compress.techniques.embedding_rows import EmbeddingRows
from zoo_compress.techniques.matmul_nbits import MatMulNBits

BOTH = EmbeddingRows({"bits": [8, 4]})
LONG = "/text_model/embeddings/word_embeddings/Gather_weight_with_a_long_name"
widths = pytest.mark.parametrize("bits", [8, 4])


def table(weight, *, rank=1, opset=18, name="w", index_type=TensorProto.INT64, **attributes):
    """Return a model that looks up indices of `rank` axes of any lengths."""
    kind = helper.np_dtype_to_tensor_dtype(weight.dtype)
    node = helper.make_node("Gather", [name, "i"], ["y"], name="/gather", **attributes)
    indices = value("i", index_type, [f"i{axis}" for axis in range(rank)])
    output = value("y", kind, [f"y{axis}" for axis in range(rank + weight.ndim - 1)])
    return model_of([node], [indices], [output], {name: weight}, opset=opset)


def chosen(bits) -> Option:
    return Option(technique="embedding-rows", settings={"bits": bits}, stored_bytes=0)


def kinds(model) -> list[str]:
    return [node.op_type for node in model.graph.node]


@given(
    shape=st.lists(st.integers(1, 9), min_size=2, max_size=4)
    .map(lambda lengths: (*lengths[:-1], 2 * lengths[-1]))
    .filter(lambda lengths: np.prod(lengths) > 63),
    indices=st.lists(st.integers(0, 3), max_size=3),
    bits=st.sampled_from([8, 4]),
    dtype=st.sampled_from(["float32", "float16", "float64"]),
)
@settings(max_examples=60)
def test_tables_and_indices_of_any_shape_give_the_dense_rows_bit_for_bit(
    shape, indices, bits, dtype
):
    model = table(drawn(*shape, dtype=dtype), rank=len(indices))
    found = rewritten(model, BOTH, option=chosen(bits))
    rows = np.random.default_rng(1).integers(-shape[0], shape[0], indices)
    assert_same_outputs(found, {"i": rows})


@widths
@pytest.mark.parametrize("opset", [11, 13, 18, 21])
@pytest.mark.parametrize("kind", [TensorProto.INT32, TensorProto.INT64])
def test_operator_sets_from_11_on_and_both_types_of_index(bits, opset, kind):
    model = table(drawn(64, 48), opset=opset, index_type=kind)
    indices = np.array([0, 63, -1, -64], helper.tensor_dtype_to_np_dtype(kind))
    assert_same_outputs(rewritten(model, BOTH, bits=bits), {"i": indices})


def test_a_table_of_bfloat16_keeps_its_type():
    model = table(drawn(64, 48).astype(ml_dtypes.bfloat16))
    for bits in (8, 4):
        found = rewritten(model, BOTH, bits=bits)
        assert_predicted(found)
        for one in (found.packed, found.dense):  # numpy cannot take over a bfloat16 output
            one.graph.node.append(helper.make_node("Cast", ["y"], ["z"], to=TensorProto.FLOAT))
            one.graph.output[0].CopyFrom(value("z", shape=["y0", "y1"]))
        assert_same_outputs(found, {"i": np.arange(64)})


def test_indices_beyond_the_table_are_refused_as_before():
    found = rewritten(table(drawn(64, 48)), BOTH)
    session = open_session(found.packed.SerializeToString(), threads=1)
    with pytest.raises(Exception, match="64"):
        session.run(None, {"i": np.array([64])})


def optimised(model, path) -> onnx.ModelProto:
    open_session(model.SerializeToString(), threads=1, optimized_path=path)
    return onnx.load(path)


@widths
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_running_session_holds_the_codes_and_no_float_table(bits, dtype, tmp_path):
    weight = drawn(500, 64, dtype=dtype)
    found = rewritten(table(weight), BOTH, bits=bits)
    held = [
        numpy_helper.to_array(t)
        for t in optimised(found.packed, tmp_path / "model.onnx").graph.initializer
    ]
    codes = next(array for array in held if array.size == 500 * 64 * bits // 8)
    assert codes.dtype == (np.int8 if bits == 8 else np.uint8)
    assert all(array.size <= 500 for array in held if array.dtype.kind == "f")
    assert sum(array.nbytes for array in held) < 500 * (64 * bits // 8 + 4) + 100


def test_decoding_at_load_would_hold_a_float_table(tmp_path):
    found = rewritten(table(drawn(500, 64)), BOTH)
    held = optimised(found.dense, tmp_path / "model.onnx").graph.initializer
    assert max(tensor.ByteSize() for tensor in held) > 500 * 64 * 4


def test_what_takes_the_place_of_a_gather():
    assert kinds(rewritten(table(drawn(64, 48)), BOTH, bits=8).packed) == [
        "Gather",
        "Cast",
        "Gather",
        "Mul",
    ]
    half = rewritten(table(drawn(64, 48, dtype="float16")), BOTH, bits=4).packed
    expected = "Gather BitShift BitShift BitShift Concat Cast Sub Gather Mul Cast"
    assert kinds(half) == expected.split()
    assert half.graph.output[0].name == half.graph.node[-1].output[0] == "y"


def test_several_readers_share_one_table():
    nodes = [
        helper.make_node("Gather", ["w", "i"], ["a"]),
        helper.make_node("Gather", ["w", "j"], ["b"], axis=-2),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    inputs = [value(name, TensorProto.INT64, ["N"]) for name in "ij"]
    model = model_of(nodes, inputs, [value("y", shape=["N", 48])], {"w": drawn(64, 48)})
    for bits in (8, 4):
        found = rewritten(model, BOTH, bits=bits)
        names = [tensor.name for tensor in found.packed.graph.initializer]
        assert names == ["zoo.0.q", *(["zoo.0.s", "zoo.0.z"] if bits == 4 else []), "zoo.0.d"]
        assert_predicted(found)
        assert_same_outputs(found, {"i": np.array([1, 2]), "j": np.array([-1, 63])})


def test_a_model_with_integer_rows_can_be_compressed_again():
    nodes = [
        helper.make_node("Gather", ["w", "i"], ["e"], name="/gather"),
        helper.make_node("MatMul", ["e", "v"], ["y"], name="/product"),
    ]
    ends = [value("i", TensorProto.INT64, ["N"])], [value("y", shape=["N", 40])]
    model = model_of(nodes, *ends, {"w": drawn(64, 48), "v": drawn(48, 40, seed=1)})
    first = rewritten(model, BOTH, bits=4)
    assert list(first.encoded) == ["w"]
    assert list(sites_of(first.packed)) == ["v"]
    second = rewritten(first.packed, MatMulNBits({}))
    assert list(second.encoded) == ["v"]
    names = [tensor.name for tensor in second.packed.graph.initializer]
    assert len(set(names)) == len(names) == 6
    assert_predicted(second)
    assert_same_outputs(second, {"i": np.arange(-64, 64)}, share=1e-5)


def test_constant_indices_still_work():
    node = helper.make_node("Gather", ["w", "i"], ["e"])
    add = helper.make_node("Add", ["e", "x"], ["y"])
    weights = {"w": drawn(64, 48), "i": np.arange(8)}
    ends = [value("x", shape=[8, 48])], [value("y", shape=[8, 48])]
    found = rewritten(model_of([node, add], *ends, weights), BOTH)
    assert_same_outputs(found, {"x": drawn(8, 48, seed=1)})


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        (
            [
                helper.make_node("Gather", ["w", "i"], ["e"]),
                helper.make_node("Gemm", ["e", "w"], ["y"], transB=1),
            ],
            "read by Gemm, which takes no integer rows",
        ),
        (
            [
                helper.make_node("Transpose", ["w"], ["t"]),
                helper.make_node("Gather", ["w", "i"], ["e"]),
                helper.make_node("MatMul", ["e", "t"], ["y"]),
            ],
            "read by Transpose, which takes no integer rows",
        ),
        ([helper.make_node("Gather", ["w", "i"], ["y"], axis=1)], "gathered along axis 1, not"),
        ([helper.make_node("Gather", ["w", "i"], ["y"], axis=-1)], "gathered along axis -1, not"),
    ],
)
def test_tables_that_are_read_in_another_way_are_declined(nodes, reason):
    inputs = [value("i", TensorProto.INT64, ["N"])]
    model = model_of(nodes, inputs, [value("y", shape=["N", "M"])], {"w": drawn(40, 24)})
    assert BOTH.decline(site_of(model)).startswith(reason)
    assert BOTH.options(site_of(model)) == []


def test_a_table_in_a_body_is_declined():
    bodies = [
        helper.make_graph(
            [helper.make_node("Gather", ["w", index], [f"out_{index}"])],
            "body",
            [],
            [value(f"out_{index}", shape=["N", 24])],
        )
        for index in "ij"
    ]
    node = helper.make_node("If", ["c"], ["y"], then_branch=bodies[0], else_branch=bodies[1])
    indices = [value(name, TensorProto.INT64, ["N"]) for name in "ij"]
    inputs = [value("c", TensorProto.BOOL), *indices]
    model = model_of([node], inputs, [value("y", shape=["N", 24])], {"w": drawn(40, 24)})
    assert BOTH.decline(site_of(model)) == "read in the body of an If, Loop or Scan"


def test_a_table_too_small_to_gain_is_declined_with_its_size():
    reason = EmbeddingRows({}).decline(site_of(table(drawn(64, 1))))
    assert reason == "256 bytes: integer rows and their nodes take no less"


def test_4_bits_are_not_offered_where_a_byte_would_hold_codes_of_two_rows():
    site = site_of(table(drawn(64, 47)))
    assert [option.settings for option in BOTH.options(site)] == [{"bits": 8}]
    reason = EmbeddingRows({"bits": [4]}).decline(site)
    assert reason == "rows of 47 weights: two codes of 4 bits share a byte"


@widths
@pytest.mark.parametrize("name", ["w", LONG])
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
def test_the_file_takes_the_predicted_bytes(bits, name, dtype):
    assert_predicted(rewritten(table(drawn(333, 46, dtype=dtype), name=name), BOTH, bits=bits))


@widths
def test_rows_of_every_magnitude_have_the_same_relative_error(bits):
    weight = drawn(64, 48) * np.logspace(-8, 8, 64, dtype=np.float32)[:, None]
    dense = rewritten(table(weight), BOTH, bits=bits).encoded["w"].dense
    error = np.linalg.norm(dense - weight, axis=1) / np.linalg.norm(weight, axis=1)
    assert error.max() < {8: 0.01, 4: 0.2}[bits]


@widths
def test_rows_of_zeros_stay_zero_and_constant_rows_stay_constant(bits):
    weight = drawn(64, 48)
    weight[3], weight[7] = 0, -1.25
    dense = rewritten(table(weight), BOTH, bits=bits).encoded["w"].dense
    np.testing.assert_array_equal(dense[3], 0)
    np.testing.assert_allclose(dense[7], -1.25, rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"bits": [2]}, "Input should be 4 or 8"),
        ({"bits": []}, "at least 1 item"),
        ({"scale": "float16"}, "Extra inputs are not permitted"),
    ],
)
def test_settings_out_of_range_are_named(wrong, message):
    with pytest.raises(ValidationError, match=message):
        EmbeddingRows(wrong)


def test_8_bits_alone_by_default():
    options = EmbeddingRows({}).options(site_of(table(drawn(500, 64))))
    assert [option.label for option in options] == ["embedding-rows bits=8"]
    assert options[0].stored_bytes == pytest.approx(500 * 68, rel=0.01)
