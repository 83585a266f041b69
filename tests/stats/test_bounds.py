from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from zoo_compress.stats.bounds import clopper_pearson_upper, quantile_upper, required_inputs

REPETITIONS = 4000


def allowed_shortfall(confidence: float) -> float:
    """Four standard errors of a coverage that was estimated from REPETITIONS samples."""
    return 4 * math.sqrt(confidence * (1 - confidence) / REPETITIONS)


@pytest.mark.parametrize(
    ("failures", "n", "percent"),
    [(0, 200, 1.487), (10, 1000, 1.690), (0, 50, 5.816), (200, 200, 100.0)],
)
def test_known_clopper_pearson_bounds(failures, n, percent):
    bound = clopper_pearson_upper(failures, n, 0.95)
    assert 100 * bound == pytest.approx(percent, abs=5e-4)


@given(n=st.integers(1, 3000), share=st.floats(0, 1), confidence=st.floats(0.5, 0.999))
def test_clopper_pearson_agrees_with_scipy(n, share, confidence):
    failures = int(share * n)
    expected = binomtest(failures, n, alternative="less").proportion_ci(confidence).high
    assert clopper_pearson_upper(failures, n, confidence) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [50, 200])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_clopper_pearson_covers_every_probability_exactly_counted(n, confidence):
    counts = np.arange(n + 1)
    bounds = np.array([clopper_pearson_upper(int(count), n, confidence) for count in counts])
    for probability in np.linspace(0.001, 0.999, 200):
        coverage = binom.pmf(counts, n, probability)[bounds >= probability].sum()
        assert coverage >= confidence - 1e-9


@pytest.mark.parametrize(("failures", "n"), [(-1, 10), (11, 10), (0, 0)])
def test_an_impossible_count_is_refused(failures, n):
    with pytest.raises(ValueError, match=f"{failures} failures of {n} inputs"):
        clopper_pearson_upper(failures, n, 0.95)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95])
def test_a_confidence_outside_the_unit_interval_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1"):
        clopper_pearson_upper(0, 10, confidence)


@pytest.mark.parametrize("n", [50, 200])
def test_the_quantile_bound_is_no_wider_than_its_rank_requires(n):
    # For a continuous distribution the coverage is P(Bin(n, q) <= r - 1) exactly.
    ranks = np.arange(1, n + 1)
    covered = binom.cdf(ranks - 1, n, 0.9)
    exact = covered[covered >= 0.95][0]
    rng = np.random.default_rng(8)
    bounds = [
        quantile_upper(rng.random(n), quantile=0.9, confidence=0.95) for _ in range(REPETITIONS)
    ]
    assert np.mean(np.array(bounds) >= 0.9) == pytest.approx(exact, abs=allowed_shortfall(exact))


def test_the_bound_is_the_order_statistic_of_the_smallest_sufficient_rank():
    # P(Bin(50, 0.9) <= 47) = 0.888 and P(Bin(50, 0.9) <= 48) = 0.966: the 49th of 50.
    values = np.random.default_rng(0).permutation(np.arange(1, 51))
    assert quantile_upper(values, quantile=0.9, confidence=0.95) == 49


def test_a_sample_that_is_too_small_has_no_finite_bound():
    assert quantile_upper(np.ones(28), quantile=0.9, confidence=0.95) == math.inf
    assert quantile_upper(np.ones(29), quantile=0.9, confidence=0.95) == 1.0


def test_nan_counts_as_the_largest_distance():
    values = [1.0] * 28 + [math.nan]
    assert quantile_upper(values, quantile=0.9, confidence=0.95) == math.inf


@pytest.mark.parametrize(("quantile", "inputs"), [(0.9, 29), (0.8, 14), (0.7, 9), (0.5, 5)])
def test_known_numbers_of_required_inputs(quantile, inputs):
    assert required_inputs(quantile, 0.95) == inputs


@given(quantile=st.floats(0.05, 0.98), confidence=st.floats(0.05, 0.99))
def test_the_required_inputs_are_the_fewest_with_a_finite_bound(quantile, confidence):
    n = required_inputs(quantile, confidence)
    assert 1 - quantile**n >= confidence - 1e-12
    assert n == 1 or 1 - quantile ** (n - 1) < confidence + 1e-12
