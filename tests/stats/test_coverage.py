"""Every bound covers what it bounds as often as it says, shown by simulation.

2,000 samples each of 50, 200 and 1000 values. What is estimated from them may miss by three
standard errors of a binomial share. The asymptotic interval is here to fail.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from zoo_compress.stats.asymptotic import asymptotic_interval
from zoo_compress.stats.betting import betting_upper_bounds
from zoo_compress.stats.bounds import clopper_pearson_upper, quantile_upper
from zoo_compress.stats.certificates import certify_asymptotic_interval, certify_sequence
from zoo_compress.stats.u_statistics import mean_and_variance

REPETITIONS = 2000
CONFIDENCE = 0.95
SIZES = [50, 200, 1000]
QUANTILE = 0.9
NORMAL_QUANTILE = 1.2815515655446004
"""The 0.9 quantile of the standard normal distribution."""


@dataclass(frozen=True)
class Population:
    """A distribution of distances, with what is true of it."""

    draw: Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
    mean: float
    quantile: float


def capped_cauchy_mean(scale: float) -> float:
    """E min(scale |C|, 1) for a standard Cauchy C."""
    return scale / math.pi * math.log1p(scale**-2) + 1 - 2 / math.pi * math.atan(1 / scale)


UNBOUNDED = {
    "skewed": Population(
        lambda rng, shape: rng.lognormal(sigma=2, size=shape),
        math.exp(2),
        math.exp(2 * NORMAL_QUANTILE),
    ),
    "heavy-tailed": Population(
        lambda rng, shape: 1 + rng.pareto(1.5, shape), 3.0, 10 ** (1 / 1.5)
    ),
    "discrete": Population(lambda rng, shape: rng.integers(1, 11, shape), 5.5, 9.0),
    "mostly zero": Population(lambda rng, shape: 3.0 * (rng.random(shape) < 0.05), 0.15, 0.0),
    "just above": Population(lambda rng, shape: 3.0 * (rng.random(shape) < 0.1001), 0.3003, 3.0),
    "constant": Population(lambda rng, shape: np.full(shape, 2.0), 2.0, 2.0),
}
BOUNDED = {
    "skewed": Population(lambda rng, shape: rng.beta(0.3, 20, shape), 0.3 / 20.3, math.nan),
    "heavy-tailed": Population(
        lambda rng, shape: np.minimum(0.01 * np.abs(rng.standard_cauchy(shape)), 1),
        capped_cauchy_mean(0.01),
        math.nan,
    ),
    "discrete": Population(
        lambda rng, shape: rng.choice([0.0, 0.1, 1.0], shape, p=[0.9, 0.08, 0.02]), 0.028, math.nan
    ),
    "two-sided": Population(lambda rng, shape: rng.random(shape), 0.5, math.nan),
    "near one": Population(lambda rng, shape: 1 - rng.beta(0.3, 20, shape), 20 / 20.3, math.nan),
    "constant": Population(lambda rng, shape: np.full(shape, 0.3), 0.3, math.nan),
}


def sample(population: Population, n: int, seed: int) -> np.ndarray:
    return population.draw(np.random.default_rng(seed), (REPETITIONS, n))


def standard_error(share: float) -> float:
    return math.sqrt(share * (1 - share) / REPETITIONS)


LEAST = CONFIDENCE - 3 * standard_error(CONFIDENCE)


def test_the_populations_have_the_means_and_quantiles_that_are_claimed():
    rng = np.random.default_rng(1)
    for population in (*UNBOUNDED.values(), *BOUNDED.values()):
        values = population.draw(rng, (400, 1000)).ravel()
        if population is not UNBOUNDED["heavy-tailed"]:  # Its variance is infinite.
            assert values.mean() == pytest.approx(population.mean, rel=0.05)
        if not math.isnan(population.quantile):
            below = (values <= population.quantile * (1 + 1e-12)).mean()
            strictly_below = (values < population.quantile * (1 - 1e-12)).mean()
            assert below >= QUANTILE - 0.002
            assert strictly_below <= QUANTILE + 0.002


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("probability", [0.0, 0.001, 0.01, 0.1, 0.5, 0.99])
def test_clopper_pearson_covers_the_probability(probability, n):
    draws = np.random.default_rng(11).binomial(n, probability, REPETITIONS)
    counts, found = np.unique(draws, return_counts=True)
    bounds = [clopper_pearson_upper(int(count), n, CONFIDENCE) for count in counts]
    assert found[np.array(bounds) >= probability].sum() / REPETITIONS >= LEAST


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", UNBOUNDED)
def test_the_order_statistic_covers_the_quantile(name, n):
    population = UNBOUNDED[name]
    bounds = [
        quantile_upper(values, quantile=QUANTILE, confidence=CONFIDENCE)
        for values in sample(population, n, seed=7)
    ]
    assert np.mean(np.array(bounds) >= population.quantile) >= LEAST


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", BOUNDED)
def test_the_betting_bound_covers_the_mean(name, n):
    population = BOUNDED[name]
    bounds = betting_upper_bounds(sample(population, n, seed=8), confidence=CONFIDENCE)
    assert np.mean(bounds >= population.mean - 1e-12) >= LEAST


def interval_coverage(population: Population, n: int) -> float:
    covered = 0
    for values in sample(population, n, seed=9):
        lower, upper = asymptotic_interval(*mean_and_variance(values), confidence=CONFIDENCE)
        covered += lower <= population.mean <= upper
    return covered / REPETITIONS


@pytest.mark.parametrize(
    ("name", "n", "most"),
    [("skewed", 50, 0.75), ("skewed", 1000, 0.93), ("heavy-tailed", 50, 0.85)],
)
def test_the_asymptotic_interval_covers_less_than_it_says_and_so_is_labelled(name, n, most):
    assert interval_coverage(UNBOUNDED[name], n) < most
    certificate = certify_asymptotic_interval(
        1.0, 1.0, n=n, confidence=CONFIDENCE, scope="s", noun="distance"
    )
    assert "asymptotic" in certificate.statement


def test_the_asymptotic_interval_misses_rare_large_values_of_bounded_distances_too():
    assert interval_coverage(BOUNDED["discrete"], 50) < 0.85


@pytest.mark.parametrize("n", [200, 1000])
def test_the_asymptotic_interval_covers_where_distances_are_not_skewed(n):
    assert interval_coverage(UNBOUNDED["discrete"], n) == pytest.approx(CONFIDENCE, abs=0.015)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(
    "probabilities",
    [(0.001, 0.05, 0.0501, 0.06), (0.0501, 0.0501, 0.0501), (0.01, 0.2, 0.001, 0.051)],
    ids=["rising", "all just above", "not in order"],
)
@pytest.mark.parametrize("common", [True, False], ids=["same inputs err", "independent errors"])
def test_a_model_beyond_the_limit_passes_a_sequence_at_most_one_time_in_twenty(
    probabilities, n, common
):
    limit = 0.05
    wrong = np.array(probabilities) > limit
    rng = np.random.default_rng(12)
    errors = 0
    for _ in range(REPETITIONS):
        luck = rng.random((n, 1 if common else len(probabilities)))
        differing = (luck < np.array(probabilities)).sum(axis=0)
        found = certify_sequence(
            [int(count) for count in differing],
            n,
            limit=limit,
            confidence=CONFIDENCE,
            scope="s",
        )
        errors += found.last is not None and wrong[: found.last + 1].any()
    assert errors / REPETITIONS <= 0.05 + 3 * standard_error(0.05)
