from __future__ import annotations

import numpy as np
import pytest

from zoo_compress.search.baseline import largest_uniform_plan


@pytest.fixture(scope="module")
def space(make_space):
    """The levels 1, 2, 3 are 8, 7 and 6 bits; the second site has no 6-bit option."""
    return make_space([[100, 60, 40, 20], [80, 50, 30]], shared={(0, 2): {"mask": 16}})


@pytest.mark.parametrize(
    ("limit", "bits", "theta"),
    [
        (1000, 8, [1, 1]),
        (210, 8, [1, 1]),
        (209, 6, [3, 0]),
        (200, 6, [3, 0]),
        (199, 7, [2, 2]),
        (186, 7, [2, 2]),
    ],
)
def test_the_uniform_plan_is_the_one_that_takes_the_most_of_the_budget(space, limit, bits, theta):
    option, found = largest_uniform_plan(space, limit)
    assert option.settings["bits"] == bits
    assert found.tolist() == theta
    assert space.stored_bytes(found) <= limit


def test_there_is_no_uniform_plan_where_none_fits(space):
    assert largest_uniform_plan(space, 185) is None


def test_a_uniform_plan_can_be_turned_into_a_plan(space):
    _, theta = largest_uniform_plan(space, 1000)
    assert theta.dtype == np.int64
    np.testing.assert_array_equal(space.theta(space.plan(theta)), theta)
