"""`static-int8`: what integer kernels compute, and which of them ONNX Runtime takes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.techniques.integers import as_integers, kernels, run
from tests.techniques.rewritten import FRAMING, drawn, model_of, site_of, sites_of, value
from zoo_compress.numerics.activation_grid import activation_grid
from zoo_compress.techniques.static_int8 import StaticInt8

MIN_MAX = StaticInt8({"ranges": ["min-max"]})
FLOAT = TensorProto.FLOAT


def free(name, rank=2, kind=FLOAT):
    """Return a value whose axes are all dynamic."""
    return value(name, kind, [f"{name}{axis}" for axis in range(rank)])


def convolution(weight, size, *, bias=True, opset=17, activation="", **attributes):
    """Return Conv, and Relu or Clip behind it."""
    weights = {"w": weight} | ({"b": drawn(len(weight), seed=9)} if bias else {})
    output = "c" if activation else "y"
    nodes = [helper.make_node("Conv", ["x", *weights], [output], **attributes)]
    if activation == "Clip":
        weights |= {"lo": np.float32(0), "hi": np.float32(6)}
        nodes.append(helper.make_node("Clip", ["c", "lo", "hi"], ["y"]))
    elif activation:
        nodes.append(helper.make_node(activation, ["c"], ["y"]))
    channels = weight.shape[1] * attributes.get("group", 1)
    inputs = [value("x", shape=["N", channels, *size])]
    return model_of(nodes, inputs, [free("y", 4)], weights, opset=opset)


def check_levels(found, feed, *, target="y") -> None:
    """Hold outputs to the level nearest to the exact product of rounded numbers, or the next."""
    (known,) = found.calibrations.values()
    grid = activation_grid(known.activations["x"], "min-max")
    exact_feed = {"x": grid.rounded(feed["x"].astype(np.float64)).astype(np.float32)}
    (exact,), (output,) = run(found.dense, exact_feed), run(found.packed, feed)
    levels = activation_grid(known.activations[target], "min-max")
    assert output.shape == exact.shape
    error = np.abs(output - levels.rounded(exact.astype(np.float64)))
    assert error.max(initial=0) <= 1.01 * levels.scale


@settings(max_examples=25)
@given(
    st.sampled_from([(1, 4), (4, 1), (4, 4), (2, 6), (1, 1)]),
    st.lists(st.integers(1, 3), min_size=2, max_size=2),
    st.lists(st.integers(1, 2), min_size=2, max_size=2),
    st.lists(st.integers(1, 2), min_size=2, max_size=2),
    st.lists(st.integers(0, 2), min_size=4, max_size=4),
    st.sampled_from(["", "Relu", "Clip"]),
    st.booleans(),
)
def test_a_convolution_of_any_geometry_is_within_a_level(
    shape, kernel, strides, dilations, pads, activation, bias
):
    groups, each = shape
    weight = drawn(12 * groups, each, *kernel)
    weight[0] = 0
    weight[1] = 0.25
    model = convolution(
        weight,
        (9, 7),
        activation=activation,
        bias=bias,
        group=groups,
        strides=strides,
        dilations=dilations,
        pads=pads,
    )
    feed = {"x": drawn(2, groups * each, 9, 7, seed=1)}
    found = as_integers(model, MIN_MAX, [feed])
    if found.sites:
        check_levels(found, feed)


@pytest.mark.parametrize("opset", [13, 15, 17, 18, 19, 20, 21])
@pytest.mark.parametrize("activation", ["", "Relu", "Clip"])
def test_every_operator_set_from_13_computes_with_integers(opset, activation, tmp_path):
    weight = drawn(16, 8, 3, 3)
    model = convolution(weight, (8, 8), activation=activation, opset=opset, pads=[1, 1, 1, 1])
    feed = {"x": drawn(1, 8, 8, 8, seed=1)}
    found = as_integers(model, MIN_MAX, [feed])
    check_levels(found, feed)
    ops = kernels(found.packed, tmp_path)
    assert ops["QLinearConv"] == 1
    assert not ops.keys() & {"Conv", "Relu", "Clip", "FusedConv"}


@pytest.mark.parametrize("opset", [11, 12])
def test_an_operator_set_without_steps_per_channel_is_declined(opset):
    site = site_of(convolution(drawn(16, 8, 3, 3), (8, 8), opset=opset))
    assert StaticInt8({}).decline(site) == (
        f"step sizes per channel need operator set 13, the model uses {opset}"
    )
    assert StaticInt8({}).options(site) == []


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_types_are_declined(dtype):
    weight = drawn(96, 64).astype(dtype)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = model_of([node], [value("x", kind, ["N", 96])], [free("y", 2, kind)], {"w": weight})
    assert "integer kernels stand in for float32" in str(StaticInt8({}).decline(site_of(model)))


@pytest.mark.parametrize("operator", ["Gather", "ConvTranspose"])
def test_readers_without_an_integer_kernel_are_declined(operator):
    if operator == "Gather":
        node = helper.make_node("Gather", ["w", "x"], ["y"])
        model = model_of(
            [node],
            [value("x", TensorProto.INT64, ["N"])],
            [free("y")],
            {"w": drawn(96, 64)},
        )
    else:
        node = helper.make_node("ConvTranspose", ["x", "w"], ["y"])
        model = model_of(
            [node],
            [value("x", FLOAT, ["N", 8, 5, 5])],
            [free("y")],
            {"w": drawn(8, 16, 3, 3)},
        )
    assert operator in str(StaticInt8({}).decline(site_of(model)))


def test_a_weight_too_small_to_gain_is_declined():
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = model_of([node], [value("x", FLOAT, ["N", 1])], [free("y")], {"w": drawn(1, 64)})
    assert "take no less" in str(StaticInt8({}).decline(site_of(model)))


def residual_network():
    """Return stem, pooling, a block with an addition, a mean and a Gemm."""
    weights = {
        "stem": drawn(16, 3, 3, 3) / 5,
        "stem.b": drawn(16, seed=1),
        "depth": drawn(16, 1, 5, 5, seed=2) / 5,
        "point": drawn(16, 16, 1, 1, seed=3) / 4,
        "last": drawn(32, 16, 1, 1, seed=4) / 4,
        "fc": drawn(10, 32, seed=5),
        "fc.b": drawn(10, seed=6),
    }
    nodes = [
        helper.make_node("Conv", ["x", "stem", "stem.b"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["c", "depth"], ["d"], pads=[2, 2, 2, 2], group=16),
        helper.make_node("Relu", ["d"], ["e"]),
        helper.make_node("Conv", ["e", "point"], ["f"]),
        helper.make_node("Add", ["f", "c"], ["g"]),
        helper.make_node("Relu", ["g"], ["h"]),
        helper.make_node("Conv", ["h", "last"], ["i"]),
        helper.make_node("GlobalAveragePool", ["i"], ["j"]),
        helper.make_node("Flatten", ["j"], ["k"]),
        helper.make_node("Gemm", ["k", "fc", "fc.b"], ["y"], transB=1),
    ]
    inputs, outputs = [value("x", FLOAT, ["N", 3, 16, 16])], [value("y", FLOAT, ["N", 10])]
    return model_of(nodes, inputs, outputs, weights, opset=17)


def test_sites_in_a_row_leave_no_float_between_them(tmp_path):
    feeds = [{"x": drawn(1, 3, 16, 16, seed=seed)} for seed in range(8)]
    found = as_integers(residual_network(), StaticInt8({}), feeds)
    assert set(found.sites) == {"stem", "depth", "point", "last", "fc"}
    ops = kernels(found.packed, tmp_path)
    assert ops["QLinearConv"] == 4
    assert ops["QLinearAdd"] == ops["QGemm"] == 1
    assert not ops.keys() & {"Conv", "FusedConv", "Relu", "Gemm", "MaxPool"}
    # Into the first convolution, and around the mean.
    assert ops["QuantizeLinear"] == 2
    for feed in feeds:
        (one,), (other,) = run(found.packed, feed), run(residual_network(), feed)
        assert np.linalg.norm(one - other) <= 0.1 * np.linalg.norm(other)


def test_the_file_takes_the_predicted_bytes():
    found = as_integers(residual_network(), StaticInt8({}), [{"x": drawn(1, 3, 16, 16)}])
    size = len(found.packed.SerializeToString())
    # What other nodes call a rounded tensor is not counted.
    assert size == pytest.approx(found.predicted_bytes, abs=200)


def test_nodes_around_a_tensor_are_stored_once_for_all_sites():
    weights = {name: drawn(64, 64, seed=i) for i, name in enumerate("qkv")}
    nodes = [helper.make_node("MatMul", ["x", name], [f"{name}.y"]) for name in weights]
    outputs = [value(f"{name}.y", FLOAT, ["N", 64]) for name in weights]
    model = model_of(nodes, [value("x", FLOAT, ["N", 64])], outputs, weights)
    technique = StaticInt8({})
    options = [technique.options(site)[0] for site in sites_of(model).values()]
    assert options[0].shared == options[1].shared == options[2].shared
    assert len(options[0].shared) == 1
    found = as_integers(model, technique, [{"x": drawn(4, 64)}])
    assert [n.op_type for n in found.packed.graph.node].count("QuantizeLinear") == 1
    size = len(found.packed.SerializeToString())
    assert size == pytest.approx(found.predicted_bytes, abs=FRAMING)


def test_what_others_than_a_product_read_stays_as_it_is():
    nodes = [
        helper.make_node("Tanh", ["x"], ["t"]),
        helper.make_node("MatMul", ["t", "w"], ["p"]),
        helper.make_node("Add", ["p", "t"], ["y"]),
    ]
    model = model_of(
        nodes, [value("x", FLOAT, ["N", 64])], [value("y", FLOAT, ["N", 64])], {"w": drawn(64, 64)}
    )
    found = as_integers(model, StaticInt8({}), [{"x": drawn(4, 64)}])
    (add,) = (node for node in found.packed.graph.node if node.op_type == "Add")
    assert list(add.input) == ["p", "t"]


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("bias", [True, False])
def test_a_gemm_is_one_integer_product(transposed, bias, tmp_path):
    weights = {"w": drawn(*((48, 96) if transposed else (96, 48)))}
    weights |= {"b": drawn(48)} if bias else {}
    node = helper.make_node("Gemm", ["x", *weights], ["y"], transB=transposed)
    model = model_of(
        [node], [value("x", FLOAT, ["N", 96])], [value("y", FLOAT, ["N", 48])], weights
    )
    feed = {"x": drawn(5, 96, seed=1)}
    found = as_integers(model, MIN_MAX, [feed])
    (known,) = found.calibrations.values()
    grid = activation_grid(known.activations["x"], "min-max")
    exact = {"x": grid.rounded(feed["x"].astype(np.float64)).astype(np.float32)}
    (one,), (other,) = run(found.packed, feed), run(found.dense, exact)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-4 * np.abs(other).max())
    assert kernels(found.packed, tmp_path)["QGemm"] == 1
    assert len(found.packed.SerializeToString()) == pytest.approx(
        found.predicted_bytes, abs=FRAMING
    )


def test_tied_weights_stay_tied():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w"], ["y"], pads=[1, 1, 1, 1]),
    ]
    model = model_of(
        nodes,
        [value("x", FLOAT, ["N", 16, 8, 8])],
        [free("y", 4)],
        {"w": drawn(16, 16, 3, 3)},
    )
    found = as_integers(model, StaticInt8({}), [{"x": drawn(1, 16, 8, 8)}])
    packed = [t for t in found.packed.graph.initializer if t.data_type == TensorProto.INT8]
    assert sum(1 for tensor in packed if len(tensor.dims) == 4) == 1


def test_dynamic_axes_stay_dynamic():
    found = as_integers(residual_network(), StaticInt8({}), [{"x": drawn(1, 3, 16, 16)}])
    assert found.packed.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    (output,) = run(found.packed, {"x": drawn(3, 3, 16, 16)})
    assert output.shape == (3, 10)


def test_an_inner_tensor_that_is_an_output_keeps_its_name_and_is_rounded():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Conv", ["a", "v"], ["y"]),
    ]
    outputs = [value("a", FLOAT, ["N", 16, 6, 6]), free("y", 4)]
    weights = {"w": drawn(16, 8, 3, 3), "v": drawn(16, 16, 3, 3)}
    model = model_of(nodes, [value("x", FLOAT, ["N", 8, 8, 8])], outputs, weights)
    feed = {"x": drawn(1, 8, 8, 8)}
    found = as_integers(model, MIN_MAX, [feed])
    for one, other in zip(run(found.packed, feed), run(model, feed), strict=True):
        assert np.linalg.norm(one - other) <= 0.05 * np.linalg.norm(other)


@pytest.mark.parametrize("reduced", [False, True])
def test_weights_are_integers_times_a_step_of_their_channel(reduced):
    technique = StaticInt8({"reduce_range": reduced})
    model = convolution(drawn(16, 8, 3, 3), (8, 8))
    found = as_integers(model, technique, [{"x": drawn(1, 8, 8, 8)}])
    encoded = found.encoded["w"]
    codes, step = encoded.tensors["q"].astype(np.float32), encoded.tensors["d"]
    np.testing.assert_array_equal(encoded.dense, codes * step[:, None, None, None])
    assert np.abs(codes).max() == (63 if reduced else 127)


def test_activations_for_gpus_are_symmetric():
    model = convolution(drawn(16, 8, 3, 3), (8, 8), activation="Relu")
    found = as_integers(model, StaticInt8({"activations": "int8"}), [{"x": drawn(1, 8, 8, 8)}])
    zeros = [array for name, array in found.encoded["w"].tensors.items() if name.endswith(".z")]
    assert [(array.dtype, int(array)) for array in zeros] == [(np.int8, 0)] * 2


def test_feedback_leaves_less_error_of_the_outputs():
    weight, feeds = drawn(64, 48), [{"x": drawn(32, 64, seed=s) @ drawn(64, 64)} for s in range(4)]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = model_of([node], [value("x", FLOAT, ["N", 64])], [free("y")], {"w": weight})
    plain = as_integers(model, MIN_MAX, feeds)
    repaired = as_integers(model, MIN_MAX, feeds, "error-feedback")
    errors = [
        found.calibrations["w"].output_error(weight, found.encoded["w"].dense)
        for found in (plain, repaired)
    ]
    assert errors[1] < 0.8 * errors[0]


def test_without_ranges_nothing_can_be_encoded():
    site = site_of(convolution(drawn(16, 8, 3, 3), (8, 8)))
    technique = StaticInt8({})
    with pytest.raises(ValueError, match="the ranges of its activations are not known"):
        technique.encode(drawn(16, 8, 3, 3), site, technique.options(site)[0])


@pytest.mark.parametrize(
    "bad", [{"ranges": []}, {"ranges": ["best"]}, {"activations": "int4"}, {"x": 1}]
)
def test_a_wrong_setting_is_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        StaticInt8(bad)


def test_weights_read_in_a_body_are_declined():
    body = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["inner"])],
        "then",
        [],
        [free("inner")],
    )
    other = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["same"])], "else", [], [free("same")]
    )
    nodes = [helper.make_node("If", ["flag"], ["y"], then_branch=body, else_branch=other)]
    inputs = [value("x", FLOAT, ["N", 64]), value("flag", TensorProto.BOOL, [])]
    model = model_of(nodes, inputs, [free("y")], {"w": drawn(64, 64)})
    onnx.checker.check_model(model)
    assert "no integer kernel" in str(StaticInt8({}).decline(site_of(model)))
