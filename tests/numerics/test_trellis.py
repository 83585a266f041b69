import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.numerics.trellis import Trellis, TrellisTables, trellis_levels


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
    best = Trellis(bits=np.array([3.0, 1, 0, 1, 3]), price=0.5).nearest
    middle, one = best.shape[2] // 2, best.shape[2] // 2 + 32
    np.testing.assert_array_equal(best[:, 0, middle], [0, 0])
    np.testing.assert_array_equal(best[:, 1, one], [1, 1])


def test_tables_of_several_trellises_lie_one_behind_the_other():
    small, large = (
        Trellis(bits=np.abs(np.arange(-n, n + 1)).astype(float), price=0.5) for n in (1, 4)
    )
    tables = TrellisTables([small, large])
    for trellis, (first, middle, free) in zip((small, large), tables.firsts, strict=True):
        places = trellis.nearest.shape[2]
        assert places == 2 * middle + 1
        own = tables.nearest[first : first + 4 * places].reshape(2, 2, places)
        np.testing.assert_array_equal(own, trellis.nearest)
        np.testing.assert_array_equal(tables.prices[[free - 1, free, free + 1]], [0.5, 0, 0.5])
