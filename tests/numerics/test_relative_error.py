from __future__ import annotations

import numpy as np
import pytest

from zoo_compress.numerics.relative_error import relative_error


def test_the_error_is_a_share_of_the_squares():
    weight = np.array([[3.0, 4.0]], np.float32)
    assert relative_error(weight, weight) == 0
    assert relative_error(weight, 0 * weight) == 1
    assert relative_error(weight, weight + 1) == pytest.approx(2 / 25)


def test_zeros_are_infinitely_far_from_anything_but_themselves():
    assert relative_error(np.zeros(3), np.zeros(3)) == 0
    assert relative_error(np.zeros(3), np.ones(3)) == np.inf


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_infinitely_far(broken):
    assert relative_error(np.ones(3), np.array([1, broken, 1])) == np.inf


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_no_square_overflows_in_half_precision_or_is_lost_in_double(dtype):
    assert relative_error(np.full(4, 3e4, dtype), np.full(4, 6e4, dtype)) == pytest.approx(1)
