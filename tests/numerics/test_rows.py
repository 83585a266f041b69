import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.numerics.rows import from_rows, to_rows


@st.composite
def weights(draw):
    """Draw the shape of a weight, its axis of outputs and its number of groups."""
    groups, outputs = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    others = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    axis = draw(st.integers(0, len(others)))
    return (*others[:axis], groups * outputs, *others[axis:]), axis, groups


def numbered(shape) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@given(case=weights())
def test_a_row_holds_the_weights_of_one_output_group_by_group(case):
    shape, axis, groups = case
    W = numbered(shape)
    rows = to_rows(W, channel_axis=axis, groups=groups)
    assert rows.shape == (groups, shape[axis] // groups, W.size // shape[axis])
    for output, row in enumerate(rows.reshape(shape[axis], -1)):
        np.testing.assert_array_equal(row, np.take(W, output, axis=axis).ravel())


@given(case=weights())
def test_rows_give_the_weight_back(case):
    shape, axis, groups = case
    W = numbered(shape)
    found = from_rows(to_rows(W, channel_axis=axis, groups=groups), shape, channel_axis=axis)
    np.testing.assert_array_equal(found, W, strict=True)
    assert found.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64, bool])
def test_the_type_stays(dtype):
    W = np.ones((4, 3, 2), dtype)
    rows = to_rows(W, channel_axis=1, groups=3)
    assert rows.dtype == from_rows(rows, W.shape, channel_axis=1).dtype == W.dtype
