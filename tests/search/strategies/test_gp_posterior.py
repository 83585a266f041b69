from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import cho_solve, cholesky

from zoo_compress.search.moves import corrected_knapsacks, random_plan
from zoo_compress.search.problem import History
from zoo_compress.search.projection import knapsack
from zoo_compress.search.strategies.gp_model import (
    SHARE_OF_NOISE_NOT_COMMON,
    SMALLEST_NOISE,
    NoisyGaussianProcess,
    PlanKernel,
)
from zoo_compress.search.strategies.gp_posterior import (
    BROKEN_RESIDUAL,
    PlanFeatures,
    Posterior,
)
from zoo_compress.testing.problems import draw_problem, problem_of
from zoo_compress.testing.trials import trial_of

SITES = 5
DRAWS = 4000
SIGMAS = 4.5


def observed(problem, distances, variance=None, seed=0) -> History:
    """Return the history of random plans that have these distances."""
    rng, history = np.random.default_rng(seed), History(problem.space)
    for number, distance in enumerate(distances):
        theta = random_plan(problem, rng)
        history.add(trial_of(problem.space, theta, number, distance, variance))
    return history


def posterior_of(problem, history, kernel=None, unit=0.1) -> Posterior:
    features = PlanFeatures(problem=problem, unit=unit)
    observations = features.observe(history)
    kernel = kernel or PlanKernel(len(problem.space.sites), 0.3, 0.05, 0.7, 0.1)
    process = NoisyGaussianProcess(kernel, optimizer=None)
    process.fit_noisy(observations.features, observations.targets, observations.noise)
    return Posterior(features=features, observations=observations, process=process)


def example(power=1.0, trials=14) -> Posterior:
    problem = draw_problem(3, sites=SITES, power=power)
    distances = np.random.default_rng(1).lognormal(mean=-2.0, sigma=1.0, size=trials)
    return posterior_of(problem, observed(problem, distances))


def test_a_row_holds_amplitudes_and_then_roots_of_shares():
    problem = problem_of([[100, 50, 20], [100, 40]], [[0, 9, 16], [0, 7, np.inf]], 300)
    features = PlanFeatures(problem=problem, unit=4.0)
    found = features.rows([np.array([1, 1]), np.array([2, 0]), np.array([0, 0])])
    expected = [
        [1.5, np.sqrt(7) / 2, 0, 0.75, 0, 0, np.sqrt(7) / 4, 0],
        [2.0, 0, 0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_target_is_the_residual_and_its_noise_the_relative_variance():
    problem = draw_problem(3, sites=SITES)
    history = observed(problem, [0.5, 2.0], variance=0.01)
    found = PlanFeatures(problem=problem, unit=1.0).observe(history)
    np.testing.assert_allclose(found.targets, history.residuals(problem), rtol=1e-12)
    expected = SHARE_OF_NOISE_NOT_COMMON * 0.01 / np.array([0.5, 2.0]) ** 2
    np.testing.assert_allclose(found.noise, expected, rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_broken_plan_is_taken_for_a_hundred_times_its_prediction_but_loosely(bad):
    problem = draw_problem(3, sites=SITES)
    found = PlanFeatures(problem=problem, unit=1.0).observe(observed(problem, [bad, 1.0]))
    assert found.targets[0] == BROKEN_RESIDUAL == pytest.approx(np.log(100))
    assert found.noise[0] == SHARE_OF_NOISE_NOT_COMMON
    assert np.isfinite(found.targets).all()


def test_an_exact_distance_has_the_least_noise_that_can_be_computed_with():
    problem = draw_problem(3, sites=SITES)
    found = PlanFeatures(problem=problem, unit=1.0).observe(observed(problem, [1.0], 0.0))
    assert found.noise.tolist() == [SMALLEST_NOISE]


def test_the_first_observations_are_those_told_first():
    problem = draw_problem(3, sites=SITES)
    features = PlanFeatures(problem=problem, unit=1.0)
    whole = features.observe(observed(problem, [1.0, 2.0, 3.0]))
    part = features.observe(observed(problem, [1.0, 2.0]))
    for name in ("features", "targets", "noise"):
        np.testing.assert_array_equal(getattr(whole.first(2), name), getattr(part, name))


def test_where_it_has_looked_the_posterior_is_what_it_saw():
    problem = draw_problem(3, sites=SITES)
    history = observed(problem, [0.3, 0.8, 0.1, 2.0], variance=0.0)
    posterior = posterior_of(problem, history)
    np.testing.assert_allclose(
        posterior.mean(history.thetas), np.log(history.distances), atol=1e-3
    )
    believed = posterior.beliefs(history.thetas)
    assert np.diag(believed.covariance).max() < 1e-4
    np.testing.assert_array_equal(believed.stored_bytes, history.sizes)


def test_elsewhere_it_believes_what_the_scan_and_the_kernel_say():
    posterior = example()
    problem, rng = posterior.features.problem, np.random.default_rng(5)
    thetas = [random_plan(problem, rng) for _ in range(8)]
    believed = posterior.beliefs(thetas)
    np.testing.assert_allclose(believed.mean, posterior.mean(thetas), rtol=1e-9)
    observations, kernel = posterior.observations, posterior.process.kernel_
    rows = posterior.features.rows(thetas)
    cross = kernel(rows, observations.features)
    weights = np.linalg.solve(
        kernel(observations.features) + np.diag(observations.noise), cross.T
    ).T
    expected = problem.predicted(thetas) + weights @ observations.targets
    np.testing.assert_allclose(believed.mean, expected, atol=1e-8)
    covariance = kernel(rows) - weights @ cross.T
    np.testing.assert_allclose(believed.covariance, covariance, atol=1e-8)


def conditional(posterior) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of all corrections, by the formula for Gaussian vectors."""
    observations, kernel = posterior.observations, posterior.process.kernel_
    chosen, prior = observations.features[:, SITES:], kernel.level_variance
    total = kernel(observations.features) + np.diag(observations.noise)
    gain = prior * np.linalg.solve(total, chosen).T
    mean = gain @ observations.targets
    return mean, prior * np.eye(chosen.shape[1]) - prior * gain @ chosen


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_the_mean_corrections_are_those_of_the_gaussian_formula(power):
    posterior = example(power)
    expected = power * conditional(posterior)[0].reshape(SITES, -1)
    np.testing.assert_allclose(posterior.mean_corrections(), expected, atol=1e-8)
    assert np.abs(expected).max() > 0.1


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_drawn_corrections_have_the_mean_and_the_spread_of_the_posterior(power):
    posterior, rng = example(power), np.random.default_rng(0)
    draws = posterior.drawn_corrections(DRAWS, rng).reshape(DRAWS, -1)
    covariance = power**2 * conditional(posterior)[1]
    variance = np.diag(covariance)
    mean = posterior.mean_corrections().ravel()
    error = np.sqrt(variance / DRAWS)
    assert (np.abs(draws.mean(axis=0) - mean) <= SIGMAS * error + 1e-12).all()
    # The variance of a sample covariance of Gaussians is (v_i v_j + c_ij^2) / N.
    error = np.sqrt((np.outer(variance, variance) + covariance**2) / DRAWS)
    assert (np.abs(np.cov(draws.T) - covariance) <= SIGMAS * error + 1e-12).all()


def test_draws_follow_from_the_generator():
    posterior = example()
    first, second = (posterior.drawn_corrections(3, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_many_draws_are_to_the_bit_those_of_matherons_rule_one_by_one():
    posterior, rng = example(), np.random.default_rng(4)
    variance = float(posterior.process.kernel_.level_variance)
    chosen, targets = posterior.observations.features[:, SITES:], posterior.observations.targets
    rest = posterior.process.kernel_(posterior.observations.features)
    rest -= variance * chosen @ chosen.T
    rest[np.diag_indices_from(rest)] += posterior.observations.noise
    root = cholesky(rest, lower=True)
    for found in posterior.drawn_corrections(3, np.random.default_rng(4)):
        prior = np.sqrt(variance) * rng.standard_normal(chosen.shape[1])
        surprise = targets - chosen @ prior - root @ rng.standard_normal(len(targets))
        against = chosen.T @ cho_solve((posterior.process.L_, True), surprise)
        expected = posterior.features.problem.sensitivity.power * (prior + variance * against)
        np.testing.assert_array_equal(found.ravel(), expected)


def test_a_level_that_no_trial_has_used_keeps_its_prior():
    posterior = example()
    chosen = posterior.observations.features[:, SITES:].reshape(-1, SITES, 8)
    used = chosen.argmax(axis=2)
    rng = np.random.default_rng(0)
    draws = posterior.drawn_corrections(DRAWS, rng)
    unused = [
        (site, level) for site in range(SITES) for level in range(8) if level not in used[:, site]
    ]
    assert unused
    deviation = np.sqrt(posterior.process.kernel_.level_variance)
    for site, level in unused:
        assert posterior.mean_corrections()[site, level] == 0
        spread = draws[:, site, level].std()
        assert spread == pytest.approx(deviation, rel=SIGMAS / np.sqrt(2 * DRAWS))


def exact_search(seed, trials=40):
    """Return the distances of three plans where every (site, level) has an error of its own.

    Those of the knapsack over the scan, over what the trials have taught, and over the truth.
    """
    problem = draw_problem(seed, sites=12, share=0.125)
    cost, rng = problem.sensitivity.distortion, np.random.default_rng(seed)
    truth = cost * rng.lognormal(sigma=0.7, size=cost.shape)
    rows = np.arange(12)
    start = knapsack(problem.costs, cost, problem.limit)
    total = float(cost[rows, start].sum())
    corrections = 0.7 * rng.standard_normal((trials - 1, *cost.shape))
    history = History(problem.space)
    for number, theta in enumerate([start, *corrected_knapsacks(problem, corrections, total)]):
        distance = float(truth[rows, theta].sum())
        history.add(trial_of(problem.space, theta, number, distance, 0.0))
    posterior = posterior_of(problem, history, PlanKernel(12), unit=total)
    (learnt,) = corrected_knapsacks(problem, posterior.mean_corrections()[None], total)
    best = knapsack(problem.costs, truth, problem.limit)
    return [float(truth[rows, theta].sum()) for theta in (start, learnt, best)]


def test_trials_teach_the_errors_of_the_scan_option_by_option():
    found = np.log([exact_search(seed) for seed in range(8)])
    scan, learnt, best = found.T
    assert (learnt <= scan).mean() >= 0.75
    assert np.mean(scan - learnt) >= 0.5 * np.mean(scan - best)
