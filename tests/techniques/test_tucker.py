import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.techniques.factored import (
    assert_only_convolutions_left,
    assert_same_outputs,
    drawn,
    error_left,
    factored,
    layer,
    site_of,
)
from zoo_compress.core import Option
from zoo_compress.techniques.tucker import Tucker

FLOATS = Tucker({"storage": ["float32"]})


def option(rank) -> Option:
    return Option(
        technique="tucker", settings={"rank": rank, "storage": "float32"}, stored_bytes=0
    )


@given(
    kernel=st.sampled_from([(3, 3), (2, 3), (1, 4), (3, 1)]),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilations=st.none() | st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pads=st.none() | st.tuples(*[st.integers(0, 3)] * 4),
    auto_pad=st.sampled_from(["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]),
    size=st.tuples(st.integers(10, 15), st.integers(10, 15)),
    channels=st.sampled_from([(12, 20), (20, 12), (16, 16), (32, 3)]),
    bias=st.booleans(),
)
@settings(max_examples=40)
def test_any_convolution(kernel, strides, dilations, pads, auto_pad, size, channels, bias):
    attributes = {"strides": strides, "auto_pad": auto_pad}
    attributes |= {"pads": pads} if pads and auto_pad == "NOTSET" else {}
    # ONNX Runtime does not run the original with both.
    attributes |= {"dilations": dilations} if dilations and "SAME" not in auto_pad else {}
    vector = drawn(channels[0], seed=2) if bias else None
    model = layer("Conv", drawn(*channels, *kernel), bias=vector, **attributes)
    found = factored(model, FLOATS, option(5))
    assert_same_outputs(found, drawn(2, channels[1], *size, seed=1))


@pytest.mark.parametrize("kernel", [(5,), (2, 2, 2)])
def test_convolutions_along_one_or_three_axes(kernel):
    model = layer("Conv", drawn(16, 12, *kernel), strides=[2] * len(kernel))
    found = factored(model, FLOATS, option(6))
    assert_same_outputs(found, drawn(2, 12, *[7] * len(kernel), seed=1))


def test_the_core_has_the_attributes_and_the_last_node_the_bias():
    model = layer("Conv", drawn(24, 16, 3, 3), bias=drawn(24), strides=[2, 2], pads=[1, 1, 1, 1])
    nodes = factored(model, FLOATS, option(12)).packed.graph.node
    names = [[attribute.name for attribute in node.attribute] for node in nodes]
    assert names == [["kernel_shape"], ["kernel_shape", "pads", "strides"], ["kernel_shape"]]
    assert [list(node.input) for node in nodes] == [
        ["data", "zoo.0.a"],
        ["zoo.0.0", "zoo.0.b"],
        ["zoo.0.1", "zoo.0.c", "layer.bias"],
    ]


@pytest.mark.parametrize(
    ("shape", "rank", "expected"),
    [
        ((24, 16, 3, 3), 12, (8, 12)),
        ((24, 16, 3, 3), 13, (9, 13)),
        ((16, 24, 3, 3), 12, (12, 8)),
        ((64, 3, 3, 3), 32, (2, 18)),
        ((64, 1, 3, 3), 32, (1, 9)),
    ],
)
def test_the_smaller_number_of_channels_is_in_proportion(shape, rank, expected):
    site = site_of(layer("Conv", drawn(*shape)))
    reduce, core, expand = FLOATS.shapes(site, rank)
    r_in, r_out = expected
    assert reduce == (r_in, shape[1], 1, 1)
    assert core == (r_out, r_in, 3, 3)
    assert expand == (shape[0], r_out, 1, 1)


def test_full_rank_gives_the_weight_back():
    weight = drawn(24, 16, 3, 3)
    found = factored(layer("Conv", weight), FLOATS, option(24))
    np.testing.assert_allclose(found.encoded.dense, weight, atol=1e-5)


@pytest.mark.parametrize("storage", ["float32", "float16", "codes"])
def test_calibration_makes_the_outputs_change_less(storage):
    technique = Tucker({"storage": [storage]})
    assert error_left(layer("Conv", drawn(24, 12, 3, 3)), technique) < 0.7


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (layer("Conv", drawn(16, 16, 1, 1)), "kernel 1x1: one element, a matrix"),
        (layer("Conv", drawn(64, 8, 3, 3), group=2), "convolution of 2 groups"),
        (layer("ConvTranspose", drawn(16, 16, 3, 3)), "read by ConvTranspose, not by Conv"),
        (layer("MatMul", drawn(16, 16), rank=2), "read by MatMul, not by Conv"),
    ],
)
def test_what_has_no_kernel_is_declined(model, reason):
    site = site_of(model)
    assert Tucker({}).decline(site) == reason
    assert Tucker({}).options(site) == []


def test_nothing_but_three_convolutions_is_left_at_run_time(optimized):
    assert_only_convolutions_left(Tucker({}), 3, optimized)
