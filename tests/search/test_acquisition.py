from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from zoo_compress.search.acquisition import (
    corrected_expected_improvement,
    expected_bytes_saved,
    expected_weighted_improvement,
)

POINTS = 5
DRAWS = 40_000
# Of 4 seeds times 5 points, none should be this many standard errors off by chance.
SIGMAS = 4
# What happens less than once in all draws has a sample error of 0.
RARE = 1e-6


def drawn_posterior(seed) -> tuple[np.ndarray, np.ndarray]:
    """Return a random mean and covariance of correlated points."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((POINTS, POINTS))
    return rng.standard_normal(POINTS), root @ root.T


def draws_from(mean, covariance) -> np.ndarray:
    return np.random.default_rng(99).multivariate_normal(mean, covariance, DRAWS)


def assert_is_the_mean(found, gains) -> None:
    error = gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
    assert (np.abs(found - gains.mean(axis=0)) <= SIGMAS * error + RARE).all()


@given(seed=st.integers(0, 2**16), incumbent=st.integers(0, POINTS - 1))
def test_the_incumbent_does_not_improve_on_itself_and_nothing_improves_negatively(seed, incumbent):
    found = corrected_expected_improvement(*drawn_posterior(seed), incumbent)
    assert found[incumbent] == 0
    assert (found >= 0).all()


@given(seed=st.integers(0, 2**16))
def test_it_is_the_textbook_expected_improvement_where_the_incumbent_is_known(seed):
    mean, covariance = drawn_posterior(seed)
    covariance[0, :] = covariance[:, 0] = 0
    deviation = np.sqrt(np.diag(covariance)[1:])
    ratio = (mean[0] - mean[1:]) / deviation
    expected = (mean[0] - mean[1:]) * norm.cdf(ratio) + deviation * norm.pdf(ratio)
    found = corrected_expected_improvement(mean, covariance, 0)
    np.testing.assert_allclose(found[1:], expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_mean_improvement_of_draws_from_the_posterior(seed):
    mean, covariance = drawn_posterior(seed)
    draws = draws_from(mean, covariance)
    found = corrected_expected_improvement(mean, covariance, 2)
    assert_is_the_mean(found, np.maximum(draws[:, [2]] - draws, 0))


def test_points_without_any_uncertainty_improve_by_the_difference_of_their_means():
    found = corrected_expected_improvement(np.array([1.0, 0.5, 3.0]), np.zeros((3, 3)), 0)
    assert found.tolist() == [0, 0.5, 0]


def test_a_copy_of_an_uncertain_incumbent_does_not_improve_on_it():
    covariance = np.array([[2.0, 2.0], [2.0, 2.0]])
    assert corrected_expected_improvement(np.zeros(2), covariance, 0).tolist() == [0, 0]


@pytest.mark.parametrize("seed", range(4))
def test_the_bytes_saved_are_those_of_draws_that_keep_the_distance(seed):
    mean, covariance = drawn_posterior(seed)
    stored = np.array([80, 100, 120, 60, 99.0])
    found = expected_bytes_saved(mean, np.diag(covariance), stored, best_bytes=100, log_limit=0.3)
    kept = draws_from(mean, covariance) <= 0.3
    assert_is_the_mean(np.exp(found), kept * np.maximum(100 - stored, 0))


def test_bytes_that_are_hardly_ever_saved_still_compare():
    """The probabilities are far below the smallest float."""
    found = expected_bytes_saved(
        np.array([60.0, 50.0]), np.ones(2), np.full(2, 50.0), best_bytes=100, log_limit=0.0
    )
    assert np.isfinite(found).all()
    assert found[1] > found[0]


def test_a_plan_that_is_no_smaller_promises_nothing():
    found = expected_bytes_saved(
        np.zeros(2), np.ones(2), np.array([100.0, 150.0]), best_bytes=100, log_limit=5.0
    )
    assert found.tolist() == [-np.inf, -np.inf]


@pytest.mark.parametrize("known", [0.0, -1e-18])
def test_bytes_of_a_plan_whose_distance_is_known_are_saved_or_not(known):
    found = expected_bytes_saved(
        np.array([0.9, 1.1]), np.full(2, known), np.full(2, 40.0), best_bytes=100, log_limit=1.0
    )
    assert np.exp(found).tolist() == pytest.approx([60, 0])


@pytest.mark.parametrize("seed", range(4))
def test_the_weighted_improvement_is_that_of_log_normal_draws(seed):
    mean, covariance = drawn_posterior(seed)
    mean, covariance = 0.5 * mean, 0.2 * covariance
    strike = np.array([2.0, 0.5, 1.0, 0.05, -1.0])
    found = expected_weighted_improvement(mean, np.diag(covariance), strike)
    gains = np.maximum(strike - np.exp(draws_from(mean, covariance)), 0)
    assert_is_the_mean(found, gains)
    assert found[-1] == 0


@given(
    mean=st.floats(-700, 600),
    deviation=st.floats(0, 5),
    strike=st.floats(-10, 1e200, allow_subnormal=False),
)
def test_a_weighted_improvement_lies_between_0_and_the_strike(mean, deviation, strike):
    (found,) = expected_weighted_improvement(
        np.array([mean]), np.array([deviation**2]), np.array([strike])
    )
    assert 0 <= found <= max(strike, 0)


def test_a_distance_that_is_known_improves_by_what_the_strike_exceeds_it():
    found = expected_weighted_improvement(np.log([1.0, 3.0]), np.zeros(2), np.full(2, 2.0))
    np.testing.assert_allclose(found, [1, 0], atol=1e-12)
