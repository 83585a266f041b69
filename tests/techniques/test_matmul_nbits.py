from dataclasses import replace

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from pydantic import ValidationError

from tests.techniques.rewritten import (
    FRAMING,
    assert_predicted,
    assert_same_outputs,
    correlated,
    drawn,
    model_of,
    rewritten,
    site_of,
    sites_of,
    value,
)
from zoo_compress.core import Option
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import bytes_without, to_compact_proto
from zoo_compress.numerics.nbits import unpacked_blocks
from zoo_compress.runtime.session import open_session
from zoo_compress.techniques.codes import Codes
from zoo_compress.techniques.matmul_nbits import MatMulNBits
from zoo_compress.techniques.sampled import sampled

ALL = MatMulNBits({"bits": [4, 8], "block_size": [32, 64, 128]})
# Of the sum of the magnitudes of what is added up: up to 140 terms in another order; for float16
# the dense weight and both outputs are rounded, by 2^-11 each.
SHARE = {"float32": 140 * 2**-23, "float16": 3.1 * 2**-11}
LONG = "/text_model/encoder/layers/self_attn/query_key_value_projection/MatMul_weight"


def layer(op_type, weight, *, rank=2, bias=None, position=1, opset=18, name="w", **attributes):
    """Return a model of one node that multiplies data of any lengths with a weight."""
    kind = helper.np_dtype_to_tensor_dtype(weight.dtype)
    inputs = ["x", name] if position else [name, "x"]
    weights = {name: weight}
    if bias is not None:
        inputs, weights = [*inputs, "b"], weights | {"b": bias}
    node = helper.make_node(op_type, inputs, ["y"], name="/layer/node", **attributes)
    ends = [value(end, kind, [f"{end}{axis}" for axis in range(rank)]) for end in ("x", "y")]
    return model_of([node], ends[:1], ends[1:], weights, opset=opset)


def magnitudes(data, found, *, transposed=False) -> np.ndarray:
    """Return the sum of the magnitudes of the terms of each output."""
    weight = np.abs(found.encoded["w"].dense.astype(np.float64))
    return np.abs(data.astype(np.float64)) @ (weight.T if transposed else weight)


def kinds(model) -> list[tuple[str, str]]:
    return [(node.domain, node.op_type) for node in model.graph.node]


@given(
    shape=st.tuples(st.integers(1, 140), st.integers(1, 40)).filter(lambda s: s[0] * s[1] > 63),
    rows=st.integers(0, 9),
    bits=st.sampled_from([4, 8]),
    size=st.sampled_from([32, 64, 128]),
    dtype=st.sampled_from(["float32", "float16"]),
)
@settings(max_examples=60)
def test_a_product_of_any_lengths(shape, rows, bits, size, dtype):
    model = layer("MatMul", drawn(*shape, dtype=dtype))
    wanted = {"bits": bits, "block_size": size}
    chosen = Option(technique="matmul-nbits", settings=wanted, stored_bytes=0)
    found = rewritten(model, ALL, option=chosen)
    data = drawn(rows, shape[0], seed=1, dtype=dtype)
    assert_same_outputs(found, {"x": data}, share=SHARE[dtype], of=magnitudes(data, found))


@pytest.mark.parametrize("opset", [11, 13, 17, 21])
@pytest.mark.parametrize("shape", [(96,), (5, 96), (0, 96), (2, 3, 96), (1, 2, 3, 96)])
def test_data_of_any_number_of_axes(shape, opset):
    found = rewritten(layer("MatMul", drawn(96, 40), rank=len(shape), opset=opset), ALL, bits=4)
    assert kinds(found.packed) == [("com.microsoft", "MatMulNBits")]
    assert_same_outputs(found, {"x": drawn(*shape, seed=1)}, share=SHARE["float32"])


@given(
    transposed=st.booleans(),
    scales=st.sampled_from([{}, {"alpha": 1.0, "beta": 1.0}]),
    bias=st.sampled_from([None, (), (1,), (40,), (1, 40), (5, 1), (5, 40)]),
    bits=st.sampled_from([4, 8]),
    dtype=st.sampled_from(["float32", "float16"]),
)
@settings(max_examples=30)
def test_a_gemm_becomes_a_product_and_an_addition(transposed, scales, bias, bits, dtype):
    weight = drawn(*((40, 96) if transposed else (96, 40)), dtype=dtype)
    added = None if bias is None else drawn(*bias, seed=2).astype(dtype)
    flags = {"transB": 1} if transposed else {}
    found = rewritten(layer("Gemm", weight, bias=added, **flags, **scales), ALL, bits=bits)
    expected = [("com.microsoft", "MatMulNBits"), ("", "Add")]
    assert kinds(found.packed) == expected[: 1 if bias is None else 2]
    assert_predicted(found)
    data = drawn(5, 96, seed=1, dtype=dtype)
    terms = magnitudes(data, found, transposed=transposed)
    terms = terms if added is None else terms + np.abs(added.astype(np.float64))
    # An addition of its own rounds the product once more.
    share = SHARE[dtype] + (0 if added is None else np.finfo(dtype).eps)
    assert_same_outputs(found, {"x": data}, share=share, of=terms)


def test_a_gemm_without_anything_to_add_may_scale_it():
    found = rewritten(layer("Gemm", drawn(96, 40), beta=0.5), ALL)
    assert kinds(found.packed) == [("com.microsoft", "MatMulNBits")]


def test_the_bias_of_a_gemm_keeps_its_name():
    found = rewritten(layer("Gemm", drawn(96, 40), bias=drawn(40)), ALL)
    assert "b" in {tensor.name for tensor in found.packed.graph.initializer}
    assert site_of(layer("Gemm", drawn(96, 40), bias=drawn(40))).bias == "b"
    assert found.packed.graph.node[-1].input[1] == "b"


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (layer("MatMul", drawn(96, 40).astype(np.float64)), "float64 weights: MatMulNBits takes"),
        (layer("MatMul", drawn(96, 40).astype(ml_dtypes.bfloat16)), "bfloat16 weights: MatMul"),
        (layer("MatMul", drawn(40, 96), position=0), "input 0 of MatMul, not the matrix on the"),
        (layer("MatMul", drawn(2, 96, 40), rank=3), "has 3 axes, not two"),
        (layer("Gemm", drawn(96, 40), transA=1), "its Gemm transposes the first matrix"),
        (layer("Gemm", drawn(96, 40), alpha=0.5), "its Gemm has alpha 0.5"),
        (layer("Gemm", drawn(96, 40), bias=drawn(40), beta=2.0), "its Gemm has beta 2"),
        (layer("Conv", drawn(40, 96, 1, 1), rank=4), "read by Conv, not by MatMul or Gemm"),
        (layer("MatMul", drawn(8, 8)), "256 bytes: packed codes and their nodes take no less"),
    ],
)
def test_what_the_node_cannot_do_is_declined(model, reason):
    site = site_of(model)
    assert ALL.decline(site).startswith(reason)
    assert ALL.options(site) == []


def test_a_weight_in_a_body_is_declined():
    body = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["out"])],
        "body",
        [],
        [value("out", shape=["N", 40])],
    )
    other = helper.make_graph(
        [helper.make_node("Neg", ["z"], ["out2"])], "body", [], [value("out2", shape=["N", 40])]
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=other)
    inputs = [
        value("c", TensorProto.BOOL),
        value("x", shape=["N", 96]),
        value("z", shape=["N", 40]),
    ]
    model = model_of([node], inputs, [value("y", shape=["N", 40])], {"w": drawn(96, 40)})
    assert ALL.decline(site_of(model)) == "read in the body of an If, Loop or Scan"


def chain(*nodes, name="w", weight=None, opset=18):
    """Return a model of nodes from x to y, with a square weight."""
    ends = [value("x", shape=["N", 64])], [value("y", shape=["N", 64])]
    weights = {name: drawn(64, 64) if weight is None else weight}
    return model_of(list(nodes), *ends, weights, opset=opset)


def test_several_readers_share_the_codes():
    model = chain(
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Gemm", ["r", "w"], ["s"]),
        helper.make_node("MatMul", ["s", "w"], ["y"]),
    )
    found = rewritten(model, ALL, bits=4)
    assert [op for _, op in kinds(found.packed)] == [
        "MatMulNBits",
        "Relu",
        "MatMulNBits",
        "MatMulNBits",
    ]
    assert [t.name for t in found.packed.graph.initializer] == ["zoo.0.q", "zoo.0.d"]
    assert_predicted(found)
    assert_same_outputs(found, {"x": drawn(3, 64, seed=1)}, share=1e-4)


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (helper.make_node("Gemm", ["a", "w"], ["y"], transB=1), "read both as it is and transp"),
        (helper.make_node("MatMul", ["w", "a"], ["y"]), "input 0 of MatMul"),
        (helper.make_node("Gemm", ["a", "x", "w"], ["y"]), "input 2 of Gemm"),
        (helper.make_node("Add", ["a", "w"], ["y"]), "read by Add"),
    ],
)
def test_a_reader_that_needs_the_weight_in_another_way_declines_it(second, reason):
    model = chain(helper.make_node("MatMul", ["x", "w"], ["a"]), second)
    assert ALL.decline(site_of(model)).startswith(reason)


def test_a_product_that_is_an_output_and_is_read_from_a_body_keeps_its_name():
    body = [
        helper.make_graph([helper.make_node(op, ["a"], [op])], "body", [], [value(op, shape=None)])
        for op in ("Neg", "Relu")
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("If", ["c"], ["y"], then_branch=body[0], else_branch=body[1]),
    ]
    inputs = [value("c", TensorProto.BOOL), value("x", shape=["N", 64])]
    outputs = [value("y", shape=["N", 40]), value("a", shape=["N", 40])]
    found = rewritten(model_of(nodes, inputs, outputs, {"w": drawn(64, 40)}), ALL)
    assert [output.name for output in found.packed.graph.output] == ["y", "a"]
    for flag in (True, False):
        feeds = {"c": np.array(flag), "x": drawn(3, 64, seed=1)}
        assert_same_outputs(found, feeds, share=SHARE["float32"])


@pytest.mark.parametrize("name", ["w", LONG])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("bits", [4, 8])
def test_the_file_takes_the_predicted_bytes(name, dtype, bits):
    for size in (32, 64, 128):
        model = layer("MatMul", drawn(377, 47, dtype=dtype), name=name)
        assert_predicted(rewritten(model, ALL, bits=bits, block_size=size))


def test_the_operator_set_is_counted_once():
    model = chain(
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("MatMul", ["a", "v"], ["y"]),
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(drawn(64, 64, seed=2), "v"))
    found = rewritten(model, ALL)
    assert len(found.encoded) == 2
    assert_predicted(found)
    domains = {entry.domain: entry.version for entry in found.packed.opset_import}
    assert domains == {"": 18, "com.microsoft": 1}
    options = [ALL.options(site)[0] for site in sites_of(model).values()]
    assert options[0].shared == options[1].shared == {"com.microsoft": 19}


def test_a_model_of_which_one_weight_was_compressed_before():
    model = chain(
        helper.make_node("Conv", ["x", "v"], ["a"], name="/conv"),
        helper.make_node("Flatten", ["a"], ["f"], name="/flat"),
        helper.make_node("MatMul", ["f", "w"], ["y"], name="/product"),
        weight=drawn(256, 64),
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(drawn(64, 16, 1), "v"))
    model.graph.input[0].CopyFrom(value("x", shape=["N", 16, 4]))
    first = rewritten(model, ALL, bits=4)
    assert list(first.encoded) == ["w"]
    second = rewritten(first.packed, Codes({}), bits=4)
    assert list(second.encoded) == ["v"]
    assert_predicted(second)
    assert_same_outputs(second, {"x": drawn(3, 16, 4, seed=1)}, share=1e-5)


def test_weights_that_codes_and_this_technique_store_side_by_side():
    model = chain(
        helper.make_node("MatMul", ["x", "v"], ["a"], name="/first"),
        helper.make_node("Gemm", ["a", "w"], ["y"], name="/second"),
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(drawn(64, 64, seed=2), "v"))
    found = sites_of(model)
    assert list(found) == ["v", "w"]
    for technique in (ALL, Codes({})):
        other = Codes({}) if technique is ALL else ALL
        graph = normalize(ir.from_proto(onnx.ModelProto.FromString(model.SerializeToString())))
        predicted, shared = bytes_without(to_compact_proto(graph), {"v", "w"}), {}
        for one, site in ((technique, found["v"]), (other, found["w"])):
            option = one.options(site)[0]
            weight = graph.graph.initializers[site.name].const_value.numpy()
            one.rewrite(graph, site, one.encode(weight, site, option))
            predicted += option.stored_bytes
            shared |= option.shared
        written = len(to_compact_proto(graph).SerializeToString())
        assert 0 <= predicted + sum(shared.values()) - written <= FRAMING


@pytest.mark.parametrize("bits", [4, 8])
def test_some_channels_are_encoded_as_among_all_of_them(bits):
    model = layer("MatMul", drawn(512, 600))
    known = correlated(site_of(model), "error-feedback")
    whole = encode(drawn(512, 600), model, known, bits=bits, block_size=32).dense
    weight, site, calibration = sampled(drawn(512, 600), site_of(model), known)
    assert weight.shape == (512, 256)
    chosen = next(o for o in ALL.options(site_of(model)) if o.settings["bits"] == bits)
    part = ALL.encode(weight, site, chosen, calibration).dense
    columns = np.linspace(0, 599, 256).round().astype(int)
    errors = [
        float(np.square(dense - original).mean())
        for dense, original in ((part, weight), (whole[:, columns], weight))
    ]
    assert errors[0] == pytest.approx(errors[1], rel=0.02)


def test_options_are_the_widths_and_block_sizes_mild_to_aggressive():
    technique = MatMulNBits({"bits": [4, 8]})
    options = technique.options(site_of(layer("MatMul", drawn(256, 64))))
    assert [option.settings for option in options] == [
        {"bits": 8, "block_size": 32},
        {"bits": 8, "block_size": 128},
        {"bits": 4, "block_size": 32},
        {"bits": 4, "block_size": 128},
    ]
    assert options[0].label == "matmul-nbits bits=8 block_size=32"
    weights = [option.stored_bytes * 8 / (256 * 64) for option in options]
    assert weights == pytest.approx([9, 8.25, 5, 4.25], abs=0.15)


def test_4_bits_alone_by_default():
    options = MatMulNBits({}).options(site_of(layer("MatMul", drawn(256, 64))))
    assert [option.label for option in options] == [
        "matmul-nbits bits=4 block_size=32",
        "matmul-nbits bits=4 block_size=128",
    ]


@pytest.mark.parametrize("bits", [4, 8])
def test_the_running_session_multiplies_with_the_codes(bits, tmp_path):
    found = rewritten(layer("MatMul", drawn(96, 40)), ALL, bits=bits, block_size=32)
    path = tmp_path / "optimized.onnx"
    open_session(found.packed.SerializeToString(), threads=1, optimized_path=path)
    graph = onnx.load(path).graph
    assert [node.op_type for node in graph.node] == ["MatMulNBits"]
    held = {tensor.name: tensor.data_type for tensor in graph.initializer}
    assert held == {"zoo.0.q": TensorProto.UINT8, "zoo.0.d": TensorProto.FLOAT}


def test_a_block_size_whose_padding_outweighs_its_fewer_steps_is_left_out():
    sizes = {
        length: [o.settings["block_size"] for o in ALL.options(site_of(layer("MatMul", weight)))]
        for length in (40, 96, 128)
        for weight in [drawn(length, 64)]
    }
    assert sizes == {40: [32, 64] * 2, 96: [32, 32], 128: [32, 64, 128] * 2}


def test_activations_stay_in_float():
    found = rewritten(layer("MatMul", drawn(96, 40)), ALL)
    (node,) = found.packed.graph.node
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    assert attributes == {
        "K": 96,
        "N": 40,
        "bits": 8,
        "block_size": 32,
        "accuracy_level": 1,
    }


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_dense_weight_is_what_codes_and_steps_say(bits, dtype):
    weight = drawn(100, 40, dtype=dtype)
    (encoded,) = rewritten(layer("MatMul", weight), ALL, bits=bits).encoded.values()
    codes, scale = unpacked_blocks(encoded.tensors["q"], bits), encoded.tensors["d"]
    assert scale.dtype == np.dtype(dtype)
    rows = (codes - np.float32(1 << (bits - 1))) * scale.astype(np.float32)[:, :, None]
    dense = rows.reshape(40, -1)[:, :100].T.astype(dtype)
    np.testing.assert_array_equal(encoded.dense, dense)
    error = np.linalg.norm((dense - weight).astype("f")) / np.linalg.norm(weight.astype("f"))
    assert error < {4: 0.1, 8: 0.006}[bits]


@pytest.mark.parametrize("weight", [np.zeros((96, 40)), np.full((96, 40), -0.25)])
def test_constant_weights_are_kept(weight):
    found = rewritten(layer("MatMul", weight.astype(np.float32)), ALL, bits=4)
    np.testing.assert_allclose(found.encoded["w"].dense, weight, rtol=1e-6)
    assert_same_outputs(found, {"x": drawn(3, 96)}, share=SHARE["float32"])


@pytest.mark.parametrize("magnitude", [1e-30, 1e-3, 1e30])
def test_weights_of_any_size_are_stored(magnitude):
    plain, scaled = (
        rewritten(layer("MatMul", drawn(96, 40) * np.float32(m)), ALL).encoded["w"].dense
        for m in (1, magnitude)
    )
    np.testing.assert_allclose(scaled / np.float32(magnitude), plain, atol=0.03)


def encode(weight, model, calibration, **wanted):
    site = site_of(model)
    option = next(o for o in ALL.options(site) if o.settings == wanted)
    return ALL.encode(weight, site, option, calibration)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("size", [32, 128])
@pytest.mark.parametrize("transposed", [False, True])
def test_calibration_makes_the_outputs_change_less(bits, size, transposed):
    weight = drawn(256, 64)
    weight = np.ascontiguousarray(weight.T) if transposed else weight
    model = layer("Gemm", weight, transB=1) if transposed else layer("MatMul", weight)
    cases = [None, correlated(site_of(model)), correlated(site_of(model), "error-feedback")]
    errors = [
        cases[1].output_error(weight, encode(weight, model, c, bits=bits, block_size=size).dense)
        for c in cases
    ]
    assert errors[1] < 0.98 * errors[0]
    assert errors[2] < 0.6 * errors[1]


def test_feedback_still_gives_codes_and_steps_of_the_dense_weight():
    weight, model = drawn(100, 40), layer("MatMul", drawn(100, 40))
    known = correlated(site_of(model), "error-feedback")
    encoded = encode(weight, model, known, bits=4, block_size=32)
    codes = unpacked_blocks(encoded.tensors["q"], 4)
    rows = (codes - np.float32(8)) * encoded.tensors["d"][:, :, None]
    np.testing.assert_array_equal(encoded.dense, rows.reshape(40, -1)[:, :100].T)


def test_calibration_with_inputs_that_are_all_zero_changes_nothing():
    weight, model = drawn(96, 40), layer("MatMul", drawn(96, 40))
    known = correlated(site_of(model), "error-feedback")
    moments = replace(known.moments, mean=0 * known.moments.mean)
    moments = replace(moments, covariance=0 * moments.covariance)
    plain, aware = (
        encode(weight, model, c, bits=4, block_size=32)
        for c in (None, replace(known, moments=moments))
    )
    np.testing.assert_array_equal(plain.dense, aware.dense)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"bits": [2]}, "Input should be 4 or 8"),
        ({"block_size": [16]}, "Input should be 32, 64 or 128"),
        ({"bits": []}, "at least 1 item"),
        ({"symmetric": True}, "Extra inputs are not permitted"),
    ],
)
def test_settings_out_of_range_are_named(wrong, message):
    with pytest.raises(ValidationError, match=message):
        MatMulNBits(wrong)
