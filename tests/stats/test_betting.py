from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.stats.betting import betting_upper, betting_upper_bounds
from zoo_compress.stats.bounds import clopper_pearson_upper

unit_values = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def log_capital_by_definition(values, m: float, confidence: float) -> float:
    """Return the largest log K_t(m), one value at a time."""
    n, enough = len(values), math.log(1 / (1 - confidence))
    total = 0.0
    seen, squares, variance = 0.5, 0.25, 0.25
    largest = -math.inf
    for i, x in enumerate(values, start=1):
        bet = min(math.sqrt(2 * enough / (n * variance)), 0.9 / (1 - m))
        total += math.log(1 - bet * (x - m))
        largest = max(largest, total)
        seen += x
        squares += (x - seen / (i + 1)) ** 2
        variance = squares / (i + 1)
    return largest


@given(values=unit_values, confidence=st.floats(0.5, 0.999))
def test_the_bound_is_the_least_mean_that_the_bets_refute(values, confidence):
    bound = betting_upper(values, confidence=confidence)
    enough = math.log(1 / (1 - confidence))
    assert np.mean(values) <= bound <= 1
    if bound < 1:
        assert log_capital_by_definition(values, bound, confidence) >= enough - 1e-6
    if bound > np.mean(values) + 1e-6:
        assert log_capital_by_definition(values, bound - 1e-6, confidence) < enough + 1e-6


@given(values=unit_values, low=st.floats(0, 0.99), high=st.floats(0, 0.99))
def test_the_capital_grows_with_the_mean_that_is_doubted(values, low, high):
    # Otherwise the bisection might miss the least refuted mean.
    small, large = sorted([low, high])
    first, second = (log_capital_by_definition(values, m, 0.95) for m in (small, large))
    assert second >= first - 1e-9


@given(values=unit_values)
def test_more_confidence_gives_no_smaller_bound_on_zeros(values):
    zeros = np.zeros(len(values))
    assert betting_upper(zeros, confidence=0.99) >= betting_upper(zeros, confidence=0.9)


@pytest.mark.parametrize(("n", "bound"), [(50, 0.0647), (200, 0.0167), (1000, 0.0034)])
def test_values_of_zero_cost_little_more_than_an_exact_count(n, bound):
    found = betting_upper(np.zeros(n), confidence=0.95)
    assert found == pytest.approx(bound, rel=1e-2)
    assert found <= 1.14 * clopper_pearson_upper(0, n, 0.95)


def test_values_of_one_have_no_better_bound():
    assert betting_upper(np.ones(100), confidence=0.95) == 1.0


def test_each_row_of_many_samples_has_its_own_bound():
    samples = np.random.default_rng(2).random((6, 30))
    together = betting_upper_bounds(samples, confidence=0.9)
    alone = [betting_upper(sample, confidence=0.9) for sample in samples]
    np.testing.assert_array_equal(together, alone)


def test_the_order_of_the_values_matters():
    values = np.r_[np.zeros(50), np.ones(50)]
    assert betting_upper(values, confidence=0.95) != betting_upper(values[::-1], confidence=0.95)


@pytest.mark.parametrize("bad", [-1e-9, 1.001, math.nan, math.inf])
def test_a_value_outside_the_unit_interval_is_refused(bad):
    with pytest.raises(ValueError, match=r"needs values in \[0, 1\]"):
        betting_upper([0.5, bad], confidence=0.95)


def test_no_value_is_refused():
    with pytest.raises(ValueError, match="at least one value"):
        betting_upper([], confidence=0.95)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95])
def test_a_confidence_outside_the_unit_interval_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1"):
        betting_upper([0.5], confidence=confidence)
