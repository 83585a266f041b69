import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.numerics.step_codes import (
    ZERO,
    decoded_steps,
    step_codes,
)

positive = st.lists(st.floats(0.01, 100), min_size=1, max_size=30).map(np.array)


@given(positive)
def test_steps_become_the_next_larger_ones_within_a_sixteenth_of_an_octave(steps):
    codes, factor = step_codes(steps)
    ratios = decoded_steps(codes) * factor / steps
    assert (ratios > 1 - 1e-3).all()
    assert (ratios < 2 ** (1 / 16) + 1e-3).all()
    assert factor == np.float32(steps.max())


def test_steps_of_0_stay_and_others_do_not_become_0():
    codes, factor = step_codes(np.array([0.0, 1e-12, 1.0]))
    assert codes[0] == ZERO
    steps = decoded_steps(codes) * factor
    assert steps[0] == 0 < steps[1] < 1e-4


def test_rows_without_any_step_have_none():
    codes, factor = step_codes(np.zeros(3))
    assert factor == 1
    assert not decoded_steps(codes).any()
