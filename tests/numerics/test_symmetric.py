from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.numerics.symmetric import FRACTIONS, symmetric_steps


@given(st.integers(0, 2**32 - 1), st.sampled_from([127, 63]), st.integers(1, 40))
def test_steps_are_positive_and_put_the_largest_weight_near_the_outermost_level(
    seed, levels, length
):
    rows = np.random.default_rng(seed).standard_normal((5, length)).astype(np.float32)
    steps = symmetric_steps(rows, levels=levels)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    assert steps.shape == (5, 1)
    assert (steps * levels <= 1.0001 * largest).all()
    assert (steps * levels >= 0.9999 * min(FRACTIONS) * largest).all()


@pytest.mark.parametrize("value", [0.0, 1e-45])
def test_rows_of_next_to_nothing_get_step_1(value):
    np.testing.assert_array_equal(symmetric_steps(np.full((2, 4), value), levels=127), 1)


def test_no_fraction_leaves_less_error():
    rows = np.random.default_rng(0).laplace(size=(20, 200)).astype(np.float32)

    def error(step):
        return np.square(np.rint(rows / step).clip(-127, 127) * step - rows).sum(axis=1)

    chosen = error(symmetric_steps(rows, levels=127))
    for fraction in FRACTIONS:
        other = error(np.abs(rows).max(axis=1, keepdims=True) * np.float32(fraction / 127))
        assert (chosen <= 1.001 * other).all()


def test_importance_decides_which_errors_count():
    rows = np.array([[1.0, *([0.004] * 20)]], np.float32)
    importance = np.array([[0.0, *([1.0] * 20)]], np.float32)
    assert symmetric_steps(rows, levels=127, importance=importance) < symmetric_steps(
        rows, levels=127
    )
