import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.numerics.trellis import Trellis, trellis_levels


def followed(numbers):
    """Return the levels of one path, state by state."""
    b = c = 0
    levels = []
    for k in numbers:
        levels.append(k - b * np.sign(k) / 2)
        b, c = (k + c) % 2, b
    return levels


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=40))
def test_levels_are_those_of_the_grids_that_the_states_say(numbers):
    np.testing.assert_array_equal(trellis_levels(np.array([numbers])), [followed(numbers)])


def test_a_table_holds_the_cheapest_number_of_each_grid_and_parity():
    best, levels, prices = Trellis(bits=np.array([3.0, 1, 0, 1, 3]), price=0.5).tables
    middle, one = best.shape[2] // 2, best.shape[2] // 2 + 32
    np.testing.assert_array_equal(best[:, 0, middle], [0, 0])
    np.testing.assert_array_equal(best[:, 1, one], [1, 1])
    np.testing.assert_array_equal(levels[:, 1, one], [1, 0.5])
    np.testing.assert_array_equal(prices[:, 1, one], [0.5, 0.5])
