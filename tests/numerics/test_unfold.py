"""The rows of a convolution's input, multiplied with the kernel, are what ONNX Runtime returns."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from zoo_compress.numerics.unfold import Window, places, unfold
from zoo_compress.runtime.session import open_session


@st.composite
def convolutions(draw, padding):
    """Draw the shapes of an input and a kernel, and how the kernel moves."""
    rank, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))

    def lengths(least, most):
        return tuple(draw(st.integers(least, most)) for _ in range(rank))

    pads, zeros = padding == "NOTSET", (0,) * rank
    window = Window(
        kernel=lengths(1, 3),
        strides=lengths(1, 3),
        # ONNX Runtime refuses to dilate where it chooses the padding.
        dilations=lengths(1, 1 if padding.startswith("SAME") else 2),
        begin=lengths(0, 2) if pads else zeros,
        end=lengths(0, 2) if pads else zeros,
        groups=groups,
        same={"SAME_UPPER": "upper", "SAME_LOWER": "lower"}.get(padding),
    )
    inputs, outputs = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    x_shape = (draw(st.integers(1, 2)), groups * inputs, *lengths(1, 6))
    assume(all(places(x_shape, window.fitted(x_shape))))
    return x_shape, (groups * outputs, inputs, *window.kernel), window


def normal(shape, seed) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def convolved(x, W, window, padding) -> np.ndarray:
    """Return what ONNX Runtime makes of an input and a kernel."""
    attributes = {"strides": window.strides, "dilations": window.dilations, "auto_pad": padding}
    if padding == "NOTSET":
        attributes["pads"] = window.begin + window.end
    node = helper.make_node("Conv", ["x", "W"], ["y"], group=window.groups, **attributes)
    values = {"x": x, "W": W}
    inputs = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, v.shape) for n, v in values.items()
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "g", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return open_session(model.SerializeToString(), threads=1).run(None, values)[0]


def product(x, W, window) -> np.ndarray:
    """Return the output of the convolution as the product of all its rows with the kernel."""
    fitted = window.fitted(x.shape)
    lengths = places(x.shape, fitted)
    rows = unfold(x, fitted, np.arange(len(x) * np.prod(lengths)))
    kernels = W.reshape(window.groups, len(W) // window.groups, -1)
    y = np.einsum("gpk,gok->pgo", rows, kernels)
    return np.moveaxis(y.reshape(len(x), *lengths, len(W)), -1, 1)


@pytest.mark.parametrize("padding", ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"])
@given(data=st.data(), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_rows_times_the_kernel_are_the_output_of_the_convolution(padding, data, seed):
    x_shape, w_shape, window = data.draw(convolutions(padding))
    x, W = normal(x_shape, seed), normal(w_shape, seed + 100)
    expected = convolved(x, W, window, padding)
    found = product(x, W, window)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-4)


@given(case=convolutions("NOTSET"), seed=st.integers(0, 99))
def test_chosen_places_have_the_rows_that_they_have_among_all(case, seed):
    x_shape, _, window = case
    x, count = normal(x_shape, seed), x_shape[0] * int(np.prod(places(x_shape, window)))
    chosen = np.random.default_rng(seed).integers(0, count, 5)
    everything = unfold(x, window, np.arange(count))
    np.testing.assert_array_equal(unfold(x, window, chosen), everything[:, chosen], strict=True)


@given(
    length=st.integers(1, 20),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
)
@pytest.mark.parametrize(("same", "longer"), [("upper", 1), ("lower", 0)])
def test_automatic_padding_divides_the_length_by_the_stride(
    same, longer, length, kernel, stride, dilation
):
    window = Window(
        kernel=(kernel,),
        strides=(stride,),
        dilations=(dilation,),
        begin=(0,),
        end=(0,),
        groups=1,
        same=same,
    )
    fitted = window.fitted((1, 1, length))
    assert places((1, 1, length), fitted) == (-(-length // stride),)
    sides = (fitted.begin[0], fitted.end[0])
    assert 0 <= sides[longer] - sides[1 - longer] <= 1
    assert fitted.fitted((1, 1, length)) == fitted


def test_no_places_have_no_rows():
    window = Window(
        kernel=(3, 3), strides=(1, 1), dilations=(1, 1), begin=(0, 0), end=(0, 0), groups=2
    )
    rows = unfold(np.empty((0, 4, 8, 8), np.float32), window, np.arange(0))
    assert rows.shape == (2, 0, 18)


def test_a_kernel_that_does_not_fit_lies_nowhere():
    window = Window(
        kernel=(5, 1), strides=(1, 1), dilations=(2, 1), begin=(0, 0), end=(0, 0), groups=1
    )
    assert places((1, 2, 8, 8), window) == (0, 8)
