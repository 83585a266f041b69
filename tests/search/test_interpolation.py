from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.search.interpolation import complete

ERRORS = np.array([[0.0, 1.0, 1.5, 4.0, 12.0, 16.0]])


def completed(measured, errors=ERRORS):
    errors = np.asarray(errors, float)
    return complete(np.isfinite(errors) | True, errors, measured)


def test_levels_between_measured_ones_lie_on_the_power_law_and_others_keep_the_ratio():
    found = completed({(0, 3): 12.0, (0, 4): 36.0})
    slope = np.log(36 / 12) / np.log(12 / 4)
    assert slope == pytest.approx(1)
    np.testing.assert_allclose(found[0], [0, 3, 4.5, 12, 36, 48])


@pytest.mark.parametrize("broken", [np.inf, 0.0])
def test_a_measured_level_without_a_usable_distortion_is_passed_over(broken):
    found = completed({(0, 1): 3.0, (0, 3): broken, (0, 5): 48.0})
    assert found[0, [1, 2, 4, 5]] == pytest.approx([3, 4.5, 36, 48])
    assert found[0, 3] == broken


def test_a_level_is_broken_where_the_nearest_measured_one_is():
    errors = [[0.0, 1.0, 3.0, 4.0, 5.0, 16.0]]
    found = completed({(0, 1): 3.0, (0, 3): np.inf, (0, 5): 48.0}, errors)
    assert found[0, [2, 4]].tolist() == [np.inf] * 2


def test_a_site_that_was_not_measured_has_the_median_ratio_of_those_that_were():
    errors = [[0, 1, 2], [0, 1, 4], [0, 2, 8], [0, 3, 0.5]]
    found = completed({(0, 1): 10.0, (1, 2): 4000.0, (2, 1): 200.0}, errors)
    np.testing.assert_allclose(found[3], [0, 300, 50])


def test_broken_and_exact_options_do_not_count_in_the_median_ratio():
    errors = [[0, 1], [0, 1], [0, 0], [0, 2]]
    found = completed({(0, 1): 10.0, (1, 1): np.inf, (2, 1): 0.0}, errors)
    assert found[3] == pytest.approx([0, 20])


def test_where_nothing_usable_was_measured_the_weight_errors_stand_in():
    found = completed({(0, 1): np.inf}, [[0, 1, 2], [0, 3, 4]])
    assert found.tolist() == [[0, np.inf, np.inf], [0, 3, 4]]


def test_weights_that_are_not_finite_are_broken_and_exact_ones_have_distortion_0():
    found = completed({(0, 1): 6.0}, [[0, 1, np.inf, 0], [0, np.inf, 0, 2]])
    np.testing.assert_allclose(found, [[0, 6, np.inf, 0], [0, np.inf, 0, 12]])


def test_levels_that_do_not_exist_are_infinitely_bad():
    exists = np.array([[True, True, False], [True, False, False]])
    found = complete(exists, np.zeros((2, 3)), {(0, 1): 2.0})
    assert found.tolist() == [[0, 2, np.inf], [0, np.inf, np.inf]]


@given(
    scales=st.lists(st.floats(1e-6, 1e6), min_size=3, max_size=3),
    seed=st.integers(0, 2**16),
    count=st.integers(1, 9),
)
def test_errors_as_shares_of_any_unit_predict_the_same_within_a_measured_site(scales, seed, count):
    rng = np.random.default_rng(seed)
    errors = np.sort(rng.lognormal(sigma=3, size=(3, 5)), axis=1)
    errors[:, 0] = 0
    choices = [(site, level) for level in (4, 2, 3) for site in range(3)][:count]
    measured = {choice: float(rng.lognormal()) for choice in choices}
    sites = sorted({site for site, _ in choices})
    plain, scaled = (completed(measured, unit * errors) for unit in (1, np.array([scales]).T))
    np.testing.assert_allclose(plain[sites], scaled[sites], rtol=1e-6)
