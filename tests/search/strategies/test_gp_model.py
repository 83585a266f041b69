from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from zoo_compress.search.strategies.gp_model import (
    SHARE_OF_NOISE_NOT_COMMON,
    NoisyGaussianProcess,
    corrected_expected_improvement,
    default_kernel,
    log_noise,
)

POINTS = 5


def posterior(seed) -> tuple[np.ndarray, np.ndarray]:
    """Return a random mean and covariance of correlated points."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((POINTS, POINTS))
    return rng.standard_normal(POINTS), root @ root.T


@given(seed=st.integers(0, 2**16), incumbent=st.integers(0, POINTS - 1))
def test_the_incumbent_does_not_improve_on_itself_and_nothing_improves_negatively(seed, incumbent):
    found = corrected_expected_improvement(*posterior(seed), incumbent)
    assert found[incumbent] == 0
    assert (found >= 0).all()


@given(seed=st.integers(0, 2**16))
def test_it_is_the_textbook_expected_improvement_where_the_incumbent_is_known(seed):
    mean, covariance = posterior(seed)
    covariance[0, :] = covariance[:, 0] = 0
    deviation = np.sqrt(np.diag(covariance)[1:])
    ratio = (mean[0] - mean[1:]) / deviation
    expected = (mean[0] - mean[1:]) * norm.cdf(ratio) + deviation * norm.pdf(ratio)
    found = corrected_expected_improvement(mean, covariance, 0)
    np.testing.assert_allclose(found[1:], expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_mean_improvement_of_draws_from_the_posterior(seed):
    mean, covariance = posterior(seed)
    draws = np.random.default_rng(99).multivariate_normal(mean, covariance, 40_000)
    gains = np.maximum(draws[:, [2]] - draws, 0)
    error = gains.std(axis=0, ddof=1) / np.sqrt(len(draws))
    found = corrected_expected_improvement(mean, covariance, 2)
    assert (np.abs(found - gains.mean(axis=0)) <= 4 * error).all()


def test_points_without_any_uncertainty_improve_by_the_difference_of_their_means():
    found = corrected_expected_improvement(np.array([1.0, 0.5, 3.0]), np.zeros((3, 3)), 0)
    assert found.tolist() == [0, 0.5, 0]


def test_a_copy_of_an_uncertain_incumbent_does_not_improve_on_it():
    covariance = np.array([[2.0, 2.0], [2.0, 2.0]])
    assert corrected_expected_improvement(np.zeros(2), covariance, 0).tolist() == [0, 0]


def drawn_data(seed, count=12, dimensions=3):
    rng = np.random.default_rng(seed)
    features = rng.uniform(0, 2, (count, dimensions))
    return features, np.sin(features.sum(axis=1)), rng.uniform(1e-4, 1e-2, count)


def test_the_posterior_is_that_of_the_known_noise_of_each_observation():
    features, targets, noise = drawn_data(0)
    process = NoisyGaussianProcess(default_kernel(), optimizer=None)
    process.fit_noisy(features, targets, noise)
    queries = drawn_data(1)[0]
    kernel = process.kernel_
    weights = np.linalg.solve(kernel(features) + np.diag(noise), kernel(features, queries)).T
    mean, covariance = process.predict(queries, return_cov=True)
    np.testing.assert_allclose(mean, weights @ targets, atol=1e-8)
    expected = kernel(queries) - weights @ kernel(features, queries)
    np.testing.assert_allclose(covariance, expected, atol=1e-8)


def test_a_very_noisy_observation_is_ignored():
    features, targets, noise = drawn_data(0)
    outlier, loud = targets.copy(), noise.copy()
    outlier[4], loud[4] = 50.0, 1e8
    found = NoisyGaussianProcess(default_kernel()).fit_noisy(features, outlier, loud)
    others = np.arange(12) != 4
    expected = NoisyGaussianProcess(default_kernel()).fit_noisy(
        features[others], targets[others], noise[others]
    )
    np.testing.assert_allclose(found.kernel_.theta, expected.kernel_.theta, atol=1e-2)
    queries = drawn_data(1)[0]
    np.testing.assert_allclose(found.predict(queries), expected.predict(queries), atol=1e-3)


def test_a_fit_keeps_the_hyper_parameters_within_their_bounds():
    features = np.random.default_rng(0).uniform(0, 2, (8, 3))
    for targets in (np.zeros(8), 1e3 * np.arange(8.0)):
        process = NoisyGaussianProcess(default_kernel())
        process.fit_noisy(features, targets, np.full(8, 1e-3))
        bounds = process.kernel_.bounds
        inside = (bounds[:, 0] - 1e-9 <= process.kernel_.theta) & (
            process.kernel_.theta <= bounds[:, 1] + 1e-9
        )
        assert inside.all()


def test_the_noise_is_the_share_of_the_relative_variance_that_is_not_common():
    draws = 7 + 0.35 * np.random.default_rng(0).standard_normal(200_000)
    (found,) = log_noise([7.0], [0.35**2])
    assert found == pytest.approx(SHARE_OF_NOISE_NOT_COMMON * 0.05**2)
    assert found == pytest.approx(SHARE_OF_NOISE_NOT_COMMON * np.log(draws).var(), rel=0.02)


def test_a_relative_variance_above_1_and_that_of_a_zero_count_as_1():
    found = log_noise([1.0, 0.0, 2.0], [9.0, 0.0, np.inf])
    np.testing.assert_array_equal(found, SHARE_OF_NOISE_NOT_COMMON)
