import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.techniques.factored import (
    WEIGHT,
    assert_same_outputs,
    calibration_of,
    convolutions,
    drawn,
    factored,
    layer,
    site_of,
)
from zoo_compress.techniques.svd import Svd

FLOATS = Svd({"storage": ["float32"]})
HALF = Svd({"ranks": [0.5]})
SPATIAL = Svd({"storage": ["float32"], "kinds": ["spatial"]})


def kinds(model) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("shape", [(5, 48), (2, 3, 48), (1, 2, 3, 48), (48,), (0, 48)])
def test_a_product_from_the_right(shape):
    found = factored(layer("MatMul", drawn(48, 40), rank=len(shape)), FLOATS)
    assert kinds(found.packed) == ["MatMul", "MatMul"]
    assert_same_outputs(found, drawn(*shape, seed=1))


@pytest.mark.parametrize("shape", [(48, 5), (2, 3, 48, 1), (48,)])
def test_a_product_from_the_left(shape):
    model = layer("MatMul", drawn(40, 48), position=0, rank=len(shape))
    assert_same_outputs(factored(model, FLOATS), drawn(*shape, seed=1))


@given(
    position=st.sampled_from([0, 1]),
    transposed=st.booleans(),
    other_transposed=st.booleans(),
    scales=st.sampled_from([{}, {"alpha": 0.5}, {"alpha": 2.0, "beta": -0.25}]),
    bias=st.sampled_from([None, (), (1,), "row", "column"]),
)
@settings(max_examples=30)
def test_any_gemm(position, transposed, other_transposed, scales, bias):
    names = ("transA", "transB") if position == 0 else ("transB", "transA")
    flags = {n: 1 for n, set_ in zip(names, (transposed, other_transposed), strict=True) if set_}
    outputs_last = transposed != (position == 1)
    weight = drawn(*((48, 40) if outputs_last else (40, 48)))
    data = drawn(*((5, 48) if other_transposed == (position == 0) else (48, 5)), seed=1)
    shape = {"row": (1, 40), "column": (5, 1)}.get(bias, bias)
    if position == 0 and isinstance(bias, str):
        shape = shape[::-1]
    added = None if bias is None else drawn(*shape, seed=2)
    model = layer("Gemm", weight, position=position, bias=added, rank=2, **scales, **flags)
    found = factored(model, FLOATS)
    assert kinds(found.packed) == ["Gemm" if other_transposed else "MatMul", "Gemm"]
    assert_same_outputs(found, data)


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pads=st.none() | st.tuples(*[st.integers(0, 2)] * 4),
    auto_pad=st.sampled_from(["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]),
    named=st.booleans(),
    bias=st.booleans(),
)
@settings(max_examples=30)
def test_any_convolution_with_one_element(size, strides, pads, auto_pad, named, bias):
    attributes = {"strides": strides, "auto_pad": auto_pad}
    attributes |= {"pads": pads} if pads and auto_pad == "NOTSET" else {}
    attributes |= {"kernel_shape": [1, 1], "group": 1} if named else {}
    # ONNX Runtime does not run the original with both.
    attributes |= {"dilations": [2, 3]} if named and "SAME" not in auto_pad else {}
    vector = drawn(40, seed=2) if bias else None
    model = layer("Conv", drawn(40, 48, 1, 1), bias=vector, **attributes)
    assert_same_outputs(factored(model, FLOATS), drawn(2, 48, *size, seed=1))


@pytest.mark.parametrize("kernel", [(1,), (1, 1, 1)])
def test_convolutions_along_one_or_three_axes(kernel):
    model = layer("Conv", drawn(40, 48, *kernel), strides=[2] * len(kernel))
    assert_same_outputs(factored(model, FLOATS), drawn(2, 48, *[5] * len(kernel), seed=1))


@given(
    convolution=convolutions(),
    size=st.tuples(st.integers(10, 15), st.integers(10, 15)),
    bias=st.booleans(),
)
@settings(max_examples=40)
def test_longer_kernels_go_to_fewer_channels_first(convolution, size, bias):
    kernel, attributes = convolution
    vector = drawn(20, seed=2) if bias else None
    model = layer("Conv", drawn(20, 10, *kernel), bias=vector, **attributes)
    found = factored(model, SPATIAL)
    first, second = (t.dims for t in found.packed.graph.initializer if t.name != "layer.bias")
    assert (list(first)[1:], list(second)[2:]) == ([10, *kernel], [1, 1])
    assert_same_outputs(found, drawn(2, 10, *size, seed=1))


@pytest.mark.parametrize(
    ("kind", "model", "reason"),
    [
        ("spatial", layer("Conv", drawn(40, 48, 1, 1)), "kernel 1x1: one element"),
        ("point", layer("Conv", drawn(40, 48, 3, 3)), "kernel 3x3: more than one element"),
        ("point", layer("MatMul", drawn(48, 40), rank=2), "a matrix, which the recipe leaves out"),
        ("matrix", layer("Conv", drawn(40, 48, 1, 1)), "kernel 1x1: one element"),
    ],
)
def test_kinds_that_the_recipe_does_not_name_are_declined(kind, model, reason):
    assert Svd({"kinds": [kind]}).decline(site_of(model)) == reason


def test_only_the_first_convolution_moves_over_the_input():
    model = layer("Conv", drawn(40, 48, 1, 1), strides=[2, 2], pads=[1, 1, 1, 1])
    first, second = factored(model, FLOATS).packed.graph.node
    names = [sorted(attribute.name for attribute in node.attribute) for node in (first, second)]
    assert names == [["kernel_shape", "pads", "strides"], ["kernel_shape"]]


def test_the_last_node_has_the_outputs_and_the_bias_of_the_original():
    model = layer("Gemm", drawn(48, 40), bias=drawn(40), rank=2)
    first, last = factored(model, FLOATS).packed.graph.node
    assert list(first.input) == ["data", "zoo.0.a"]
    assert list(last.input) == ["zoo.0.0", "zoo.0.b", "layer.bias"]
    assert list(last.output) == ["y"]


@pytest.mark.parametrize(
    ("op_type", "shape", "rank"), [("MatMul", (40, 48), 2), ("Conv", (48, 40, 1, 1), 4)]
)
def test_full_rank_gives_the_weight_back(op_type, shape, rank):
    weight = drawn(*shape)
    model = layer(op_type, weight, rank=rank)
    (option,) = Svd({"ranks": [5], "storage": ["float32"]}).options(site_of(model))
    full = type(option)(technique="svd", settings=option.settings | {"rank": 40}, stored_bytes=0)
    found = factored(model, FLOATS, full)
    np.testing.assert_allclose(found.encoded.dense, weight, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (layer("Conv", drawn(16, 16, 3, 1)), "kernel 3x1: more than one element"),
        (layer("MatMul", drawn(3, 16, 16)), "has 3 axes, not two"),
        (layer("Conv", drawn(64, 8, 1, 1), group=2), "convolution of 2 groups"),
        (layer("ConvTranspose", drawn(16, 16, 1, 1)), "read by ConvTranspose, not by MatMul or"),
    ],
)
def test_what_is_no_matrix_is_declined(model, reason):
    site = site_of(model)
    assert Svd({}).decline(site).startswith(reason)
    assert Svd({}).options(site) == []


@pytest.mark.parametrize(
    ("op_type", "shape", "rank"), [("MatMul", (64, 48), 2), ("Conv", (48, 64, 1, 1), 4)]
)
@pytest.mark.parametrize("storage", ["float32", "codes"])
def test_calibration_makes_the_outputs_change_less(op_type, shape, rank, storage):
    model, technique = layer(op_type, drawn(*shape), rank=rank), Svd({"storage": [storage]})
    known = calibration_of(site_of(model))
    errors = [
        known.output_error(drawn(*shape), factored(model, technique, calibration=c).encoded.dense)
        for c in (None, known)
    ]
    assert errors[1] < 0.7 * errors[0]


def test_a_weight_of_half_precision_keeps_its_type():
    model = layer("MatMul", drawn(64, 48).astype(np.float16), rank=2)
    found = factored(model, Svd({"ranks": [0.5], "storage": ["float32", "float16", "codes"]}))
    assert found.encoded.dense.dtype == np.float16
    stored = {t.name: t.data_type for t in found.packed.graph.initializer}
    assert stored == {"zoo.0.a": 10, "zoo.0.b": 10}
    assert_same_outputs(found, drawn(5, 64, seed=1).astype(np.float16), share=0.01)


def test_models_of_operator_set_11_work():
    model = layer("Gemm", drawn(48, 40), rank=2, opset=11, transA=1)
    assert_same_outputs(factored(model, HALF), drawn(48, 5, seed=1))


def test_nothing_but_two_products_is_left_at_run_time(optimized):
    found = factored(layer("MatMul", drawn(64, 48), rank=2), HALF)
    assert len(found.packed.graph.node) > 2
    assert optimized(found.packed) == {"MatMul": 2}
    assert WEIGHT not in {t.name for t in found.packed.graph.initializer}
