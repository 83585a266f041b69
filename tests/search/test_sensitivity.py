from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.search.sensitivity import Sensitivity

DISTANCES = np.array([[0, 1.0, 4.0, 9.0], [0, 2.0, 3.0, np.inf]])
"""Of each option alone; the second site has no level 3."""

plans = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=5)
powers = st.sampled_from([0.5, 1.0, 2.0])


def known(power=1.0) -> Sensitivity:
    return Sensitivity(distortion=DISTANCES**power, power=power)


def test_contributions_are_those_of_the_levels_chosen():
    found = known().contributions(np.array([[0, 0], [3, 1], [1, 2]]))
    assert found.tolist() == [[0, 0], [9, 2], [1, 3]]


@given(thetas=plans, power=powers)
def test_the_prediction_is_the_sum_of_the_contributions_in_their_power(thetas, power):
    expected = [
        sum(DISTANCES[site, level] ** power for site, level in enumerate(theta)) ** (1 / power)
        for theta in thetas
    ]
    found = known(power).distances(np.array(thetas))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@given(thetas=plans, power=powers)
def test_many_plans_are_predicted_as_one_by_one(thetas, power):
    sensitivity, thetas = known(power), np.array(thetas)
    for method in (sensitivity.totals, sensitivity.distances, sensitivity.contributions):
        one_by_one = np.concatenate([method(theta[None]) for theta in thetas])
        np.testing.assert_array_equal(method(thetas), one_by_one)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_a_single_option_is_predicted_at_its_own_distance_and_no_option_at_none(power):
    thetas = np.array([[0, 0], [2, 0], [0, 2]])
    found = known(power).distances(thetas)
    np.testing.assert_allclose(found, [0, 4, 3], rtol=1e-12)
    assert found[0] == 0
