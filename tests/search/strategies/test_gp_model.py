from __future__ import annotations

import numpy as np
import pytest
from skopt.learning import GaussianProcessRegressor

from zoo_compress.search.strategies.gp_model import (
    PRIOR_DEVIATION,
    SHARE_OF_NOISE_NOT_COMMON,
    NoisyGaussianProcess,
    PlanKernel,
    default_kernel,
    log_noise,
)


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


def fitted(count=12, optimizer="fmin_l_bfgs_b"):
    features, targets, noise = drawn_data(0, count)
    process = NoisyGaussianProcess(default_kernel(), optimizer=optimizer)
    return process.fit_noisy(features, targets, noise)


@pytest.mark.parametrize("theta", [[0.0, 0.0], [-3.0, 1.0], [1.0, -2.0]])
def test_what_is_maximised_is_the_likelihood_times_the_prior(theta):
    process, theta = fitted(optimizer=None), np.array(theta)
    likelihood = GaussianProcessRegressor.log_marginal_likelihood(process, theta)
    prior = -0.5 * np.sum(((theta - default_kernel().theta) / PRIOR_DEVIATION) ** 2)
    assert process.log_marginal_likelihood(theta) == pytest.approx(likelihood + prior, rel=1e-12)


@pytest.mark.parametrize("theta", [[0.0, 0.0], [-3.0, 1.0], [1.0, -2.0]])
def test_its_gradient_is_that_of_finite_differences(theta):
    process, theta, step = fitted(optimizer=None), np.array(theta), 1e-5
    value, gradient = process.log_marginal_likelihood(theta, eval_gradient=True)
    assert value == process.log_marginal_likelihood(theta)
    for index in range(2):
        moved = np.eye(2)[index] * step
        above, below = (process.log_marginal_likelihood(theta + m) for m in (moved, -moved))
        assert gradient[index] == pytest.approx((above - below) / (2 * step), rel=1e-4)


def test_a_fit_ends_at_the_maximum():
    process = fitted()
    theta = process.kernel_.theta
    best = process.log_marginal_likelihood(theta)
    assert process.log_marginal_likelihood() == pytest.approx(best, rel=1e-9)
    for direction in np.vstack([np.eye(2), -np.eye(2)]):
        assert process.log_marginal_likelihood(theta + 0.1 * direction) < best


def test_few_observations_leave_the_hyper_parameters_near_their_start():
    """The likelihood of one observation alone would send its variance to a bound."""
    (start, _), noise = default_kernel().theta, np.array([1e-3])
    for target in (0.0, 1.5):
        process = NoisyGaussianProcess(default_kernel())
        process.fit_noisy(np.zeros((1, 3)), np.array([target]), noise)
        low, high = default_kernel().bounds[0]
        found = process.kernel_.theta[0]
        assert low + 1 < found < high - 0.5
        assert abs(found - start) < 2.5 * PRIOR_DEVIATION
        assert np.sign(found - start) == np.sign(target**2 - np.exp(start))


def test_many_observations_outweigh_the_prior():
    """Of a process of variance 2 and length 3, while the fit starts from 0.1 and 1."""
    rng = np.random.default_rng(0)
    features = rng.uniform(0, 8, (150, 2))
    truth = default_kernel().clone_with_theta(np.log([2.0, 3.0]))
    targets = rng.multivariate_normal(np.zeros(150), truth(features) + 1e-4 * np.eye(150))
    process = NoisyGaussianProcess(default_kernel())
    process.fit_noisy(features, targets, np.full(150, 1e-4))
    assert np.exp(process.kernel_.theta) == pytest.approx([2, 3], rel=0.5)


def test_a_process_over_plans_can_be_fitted():
    rng = np.random.default_rng(0)
    features = np.abs(rng.standard_normal((10, 2 + 2 * 3)))
    kernel = PlanKernel(sites=2)
    process = NoisyGaussianProcess(kernel)
    process.fit_noisy(features, rng.standard_normal(10), np.full(10, 1e-3))
    assert isinstance(process.kernel_, PlanKernel)
    assert process.kernel_.sites == 2
    assert process.kernel_ != kernel
    assert kernel == PlanKernel(sites=2)


def test_the_noise_is_the_share_of_the_relative_variance_that_is_not_common():
    draws = 7 + 0.35 * np.random.default_rng(0).standard_normal(200_000)
    (found,) = log_noise([7.0], [0.35**2])
    assert found == pytest.approx(SHARE_OF_NOISE_NOT_COMMON * 0.05**2)
    assert found == pytest.approx(SHARE_OF_NOISE_NOT_COMMON * np.log(draws).var(), rel=0.02)


def test_a_relative_variance_above_1_that_of_a_zero_and_an_unknown_one_count_as_1():
    found = log_noise([1.0, 0.0, 2.0, 1.0], [9.0, 0.0, np.inf, np.nan])
    np.testing.assert_array_equal(found, SHARE_OF_NOISE_NOT_COMMON)
