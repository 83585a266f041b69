import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoo_compress.numerics.scalar_quantizer import (
    ScalarQuantizer,
    nearest_level,
    whole_numbers,
)

NUMBERS = st.floats(-(2.0**100), 2.0**100, width=32)


@given(
    thresholds=st.lists(NUMBERS, max_size=300).map(sorted),
    numbers=arrays(np.float32, st.integers(0, 50), elements=NUMBERS),
)
def test_a_number_has_the_level_behind_all_smaller_thresholds(thresholds, numbers):
    edges = np.array(thresholds, np.float32)
    quantizer = ScalarQuantizer(np.arange(len(edges) + 1, dtype=np.float32), edges)
    numbers = np.concatenate([numbers, edges])
    np.testing.assert_array_equal(quantizer.codes(numbers), np.searchsorted(edges, numbers))


def test_levels_far_closer_than_a_cell_are_told_apart():
    levels = np.float32([*np.geomspace(1e-9, 1e-6, 300), 1.0])
    quantizer = nearest_level(levels)
    np.testing.assert_array_equal(quantizer.codes(levels), np.arange(301))


def test_the_nearest_of_two_levels_as_near_is_the_lower():
    numbers = np.array([[-9, -0.5, -0.4], [1.0, 1.1, 9]], np.float32)
    codes = nearest_level([-1.0, 0.0, 2.0]).codes(numbers)
    np.testing.assert_array_equal(codes, [[0, 0, 1], [1, 2, 2]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_whole_numbers_end_at_the_bounds(dtype):
    found = whole_numbers(-2, 1)(np.array([-7, -1.6, 0.3, 9], dtype))
    np.testing.assert_array_equal(found, np.float32([-2, -2, 0, 1]), strict=True)


def test_one_level_stands_for_all():
    np.testing.assert_array_equal(nearest_level([3.0])(np.float32([-1, 4])), [3, 3])


def test_infinite_numbers_have_the_outer_levels_and_nan_has_one():
    quantizer = whole_numbers(-8, 7)
    np.testing.assert_array_equal(quantizer(np.float32([-np.inf, np.inf])), [-8, 7])
    for other in (quantizer, nearest_level([3.0])):
        assert np.isfinite(other(np.float32([np.nan, -np.inf]))).all()
