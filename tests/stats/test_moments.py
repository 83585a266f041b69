from __future__ import annotations

import math

import numpy as np
import pytest

from zoo_compress.stats.moments import mean_and_variance


def test_the_mean_and_its_variance_follow_the_formula():
    mean, variance = mean_and_variance([1.0, 2.0, 6.0])
    assert mean == 3.0
    assert variance == pytest.approx((4 + 1 + 9) / 2 / 3)


def test_constant_distances_have_no_variance():
    assert mean_and_variance(np.full(10, 2.5)) == (2.5, 0.0)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_distance_that_is_not_finite_makes_both_infinite(bad):
    assert mean_and_variance([1.0, bad, 2.0]) == (math.inf, math.inf)


@pytest.mark.parametrize("values", [[], [1.0]])
def test_fewer_than_two_distances_are_refused(values):
    with pytest.raises(ValueError, match=f"at least 2 distances, not {len(values)}"):
        mean_and_variance(values)


def test_the_variance_estimate_is_unbiased():
    # 20,000 samples of 10 exponential variates: Var(mean) = 1/10. The standard deviation of
    # s^2 / n is 0.1 sqrt((kurtosis - (n - 3) / (n - 1)) / n) = 0.091 for kurtosis 9, so the
    # average of 20,000 has standard error 0.00064; four of those are allowed.
    samples = np.random.default_rng(5).exponential(size=(20_000, 10))
    estimates = np.array([mean_and_variance(sample) for sample in samples])
    assert estimates[:, 1].mean() == pytest.approx(0.1, abs=4 * 0.00064)
    assert estimates[:, 0].var() == pytest.approx(0.1, rel=0.05)
