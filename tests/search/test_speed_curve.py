from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.search.speed_curve import SpeedCurve


def curve(*points):
    found = SpeedCurve()
    for cost, share in points:
        found = found.joined(cost, share)
    return found


ENDS = ((1000, 1.0), (400, 0.4))


def test_between_two_measurements_the_share_is_on_the_line():
    assert curve(*ENDS).expected(700) == pytest.approx(0.7)
    assert curve(*ENDS).limit_for(0.7) == pytest.approx(700, abs=1)


def test_beyond_the_measurements_it_is_that_of_the_nearest():
    assert curve(*ENDS).expected(0) == pytest.approx(0.4)
    assert curve(*ENDS).expected(5000) == pytest.approx(1.0)


def test_a_measurement_between_moves_the_limit():
    slower = curve(*ENDS, (700, 0.9))
    assert slower.limit_for(0.7) < curve(*ENDS).limit_for(0.7)
    assert slower.expected(700) == pytest.approx(0.9)


def test_no_limit_is_low_enough_for_less_than_the_fastest():
    assert curve(*ENDS).limit_for(0.39) is None


def test_a_share_that_all_keep_allows_the_costliest_that_was_measured():
    assert curve(*ENDS).limit_for(2.0) == 1000


def test_where_measurements_contradict_each_other_the_larger_share_counts():
    found = curve(*ENDS, (500, 0.6), (600, 0.5))
    assert found.expected(600) == pytest.approx(0.6)
    assert found.limit_for(0.55) < 500


def test_of_two_measurements_at_one_cost_the_larger_share_counts():
    found = curve(*ENDS, (700, 0.65), (700, 0.8))
    assert found.expected(700) == pytest.approx(0.8)


@pytest.mark.parametrize("ask", [lambda c: c.expected(1), lambda c: c.limit_for(0.5)])
def test_a_curve_through_nothing_says_so(ask):
    with pytest.raises(ValueError, match="nothing was measured"):
        ask(SpeedCurve())


points = st.tuples(st.integers(1, 10**6), st.floats(0.05, 2))


@given(st.lists(points, min_size=1, max_size=6), st.floats(0.01, 2.5))
def test_what_is_within_the_limit_is_expected_to_keep_the_share(found, share):
    line = curve(*found)
    limit = line.limit_for(share)
    if limit is None:
        assert line.expected(min(cost for cost, _ in found)) > share
        return
    assert line.expected(limit) <= share * (1 + 1e-9)
    assert line.expected(limit / 2) <= line.expected(limit)
