import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.techniques.factored import (
    assert_only_convolutions_left,
    assert_same_outputs,
    convolutions,
    drawn,
    error_left,
    factored,
    layer,
    site_of,
)
from zoo_compress.core import Option
from zoo_compress.techniques.spatial_split import SpatialSplit

FLOATS = SpatialSplit({"storage": ["float32"]})


@given(
    convolution=convolutions(),
    size=st.tuples(st.integers(10, 15), st.integers(10, 15)),
    bias=st.booleans(),
    batch=st.integers(1, 2),
)
@settings(max_examples=60)
def test_any_convolution(convolution, size, bias, batch):
    kernel, attributes = convolution
    vector = drawn(12, seed=2) if bias else None
    model = layer("Conv", drawn(12, 10, *kernel), bias=vector, **attributes)
    assert_same_outputs(factored(model, FLOATS), drawn(batch, 10, *size, seed=1))


def test_each_convolution_has_the_attributes_of_its_axis():
    attributes = {"strides": [2, 3], "pads": [1, 2, 3, 4], "dilations": [5, 6]}
    model = layer("Conv", drawn(12, 10, 3, 4), bias=drawn(12), **attributes)
    found = factored(model, FLOATS)
    first, second = (
        {a.name: list(a.ints) for a in node.attribute} for node in found.packed.graph.node
    )
    assert first == {
        "kernel_shape": [3, 1],
        "strides": [2, 1],
        "pads": [1, 0, 3, 0],
        "dilations": [5, 1],
    }
    assert second == {
        "kernel_shape": [1, 4],
        "strides": [1, 3],
        "pads": [0, 2, 0, 4],
        "dilations": [1, 6],
    }
    assert [len(node.input) for node in found.packed.graph.node] == [2, 3]


def test_full_rank_gives_the_weight_back():
    weight = drawn(12, 10, 3, 4)
    option = Option(
        technique="spatial-split", settings={"rank": 30, "storage": "float32"}, stored_bytes=0
    )
    found = factored(layer("Conv", weight), FLOATS, option)
    np.testing.assert_allclose(found.encoded.dense, weight, atol=1e-5)


@pytest.mark.parametrize("storage", ["float32", "float16", "codes"])
def test_calibration_makes_the_outputs_change_less(storage):
    technique = SpatialSplit({"storage": [storage]})
    assert error_left(layer("Conv", drawn(24, 12, 3, 3)), technique) < 0.7


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (layer("Conv", drawn(16, 16, 1, 1)), "kernel 1x1: nothing to split"),
        (layer("Conv", drawn(16, 16, 1, 3)), "kernel 1x3: nothing to split"),
        (layer("Conv", drawn(16, 16, 3)), "kernel of 1 axes, not two"),
        (layer("Conv", drawn(16, 16, 3, 3, 3)), "kernel of 3 axes, not two"),
        (layer("Conv", drawn(64, 8, 3, 3), group=2), "convolution of 2 groups"),
        (layer("ConvTranspose", drawn(16, 16, 3, 3)), "read by ConvTranspose, not by Conv"),
        (layer("MatMul", drawn(16, 16), rank=2), "read by MatMul, not by Conv"),
    ],
)
def test_what_has_no_two_axes_is_declined(model, reason):
    site = site_of(model)
    assert SpatialSplit({}).decline(site) == reason
    assert SpatialSplit({}).options(site) == []


def test_models_of_operator_set_11_work():
    model = layer("Conv", drawn(24, 20, 3, 3), opset=11, pads=[1, 1, 1, 1])
    assert_same_outputs(factored(model, SpatialSplit({})), drawn(2, 20, 7, 7, seed=1))


def test_nothing_but_two_convolutions_is_left_at_run_time(optimized):
    assert_only_convolutions_left(SpatialSplit({}), 2, optimized)
