import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.numerics.row_steps import EACH_OCTAVE, ZERO, row_steps, step_table


@pytest.mark.parametrize("spacing", range(len(EACH_OCTAVE)))
@given(seed=st.integers(0, 99))
def test_steps_become_the_next_larger_ones_in_the_spacing_that_suits_them(spacing, seed):
    each = EACH_OCTAVE[spacing]
    octaves = np.random.default_rng(seed).uniform(0, (ZERO - 1) / each, 300)
    octaves[:2] = 0, (ZERO - 1) / each
    steps = 3 * np.exp2(-octaves)
    found = row_steps(steps)
    # The small ones among widely spread steps count little.
    assert found.spacing <= spacing
    ratios = found.decoded / steps
    assert (ratios > 1 - 1e-3).all()
    near = ratios < 2 ** (1 / EACH_OCTAVE[found.spacing]) + 1e-2
    assert near[octaves < 1.7].all()
    assert found.factor == np.float32(3)


def test_a_few_small_steps_do_not_make_all_others_coarse():
    octaves = np.concatenate([np.linspace(0, 1.5, 60), [12.0]])
    found = row_steps(np.exp2(-octaves))
    assert EACH_OCTAVE[found.spacing] == 8
    assert found.codes[-1] == ZERO - 1


def test_steps_of_0_stay_and_others_do_not_become_0():
    found = row_steps(np.array([0.0, 1e-12, 1.0]))
    np.testing.assert_array_equal(found.codes == ZERO, [True, False, False])
    assert found.decoded[0] == 0 < found.decoded[1]


def test_rows_without_any_step_have_none():
    found = row_steps(np.zeros(3))
    assert found.factor == 1
    assert not found.decoded.any()


def test_a_power_of_two_changes_the_largest_step_only():
    found = row_steps(np.array([1.0, 0.3]))
    other = found.times_power_of_two(-3)
    np.testing.assert_array_equal(other.codes, found.codes)
    np.testing.assert_array_equal(other.decoded * 8, found.decoded)


def test_each_spacing_has_a_table_from_1_down_and_a_0():
    table = step_table()
    assert table.shape == (len(EACH_OCTAVE), ZERO + 1)
    assert (table[:, 0] == 1).all()
    assert (np.diff(table[:, :ZERO].astype(float), axis=1) < 0).all()
    assert not table[:, ZERO].any()
