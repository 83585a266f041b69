import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.numerics.step_codes import (
    ZERO,
    decoded_steps,
    step_codes,
    stored_steps,
)

positive = st.lists(st.floats(0.01, 100), min_size=1, max_size=30).map(np.array)


def test_steps_of_0_stay_and_others_do_not_become_0():
    codes, factor = step_codes(np.array([0.0, 1e-12, 1.0]))
    assert codes[0] == ZERO
    steps = decoded_steps(codes) * factor
    assert steps[0] == 0 < steps[1] < 1e-4


def test_rows_without_any_step_have_none():
    codes, factor = step_codes(np.zeros(3))
    assert factor == 1
    assert not decoded_steps(codes).any()


@given(positive)
def test_nearest_steps_are_off_by_at_most_a_thirtysecond_of_an_octave(steps):
    ratios = stored_steps(steps, in_bytes=True).decoded / steps
    assert (np.abs(np.log2(ratios)) <= 1 / 32 + 1e-3).all()


def test_steps_that_are_not_in_bytes_are_float16_and_may_be_negative():
    steps = np.array([-1.0, 0.3, 0.0])
    found = stored_steps(steps, in_bytes=False)
    assert found.stored.dtype == np.float16
    np.testing.assert_allclose(found.decoded, steps, rtol=1e-3)


def test_a_power_of_two_changes_the_largest_step_only():
    found = stored_steps(np.array([1.0, 0.3]), in_bytes=True)
    other = found.times_power_of_two(-3)
    np.testing.assert_array_equal(other.stored, found.stored)
    np.testing.assert_array_equal(other.decoded * 8, found.decoded)
