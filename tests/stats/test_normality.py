from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from zoo_compress.stats.normality import (
    SAMPLE_SIZES,
    Normality,
    normality_of_means,
    recommended_inputs,
)


def generator():
    return np.random.default_rng(7)


def normal_quantiles(count):
    """A population as normal as `count` values can be."""
    return norm.ppf((np.arange(count) + 0.5) / count)


def row(n, *, skewness=0.0, coverage=0.95):
    return Normality(
        n=n, standardised=np.zeros(1), skewness=skewness, p_value=0.5, coverage=coverage
    )


def test_standardised_estimates_have_mean_0_and_variance_1_whatever_the_plans_are():
    rng = generator()
    plans = rng.gamma(2, size=(6, 300)) * 10.0 ** np.arange(6)[:, None]
    found = normality_of_means(plans, n=10, repetitions=20_000, rng=rng)
    assert found.standardised.mean() == pytest.approx(0, abs=4 / np.sqrt(20_000))
    assert found.standardised.var() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("n", [5, 20, 100])
def test_the_skewness_is_that_of_the_distances_divided_by_the_root_of_n(n):
    distances = -np.log1p(-(np.arange(2000) + 0.5) / 2000)
    deviations = distances - distances.mean()
    population = np.mean(deviations**3) / np.mean(deviations**2) ** 1.5
    found = normality_of_means(distances[None], n=n, repetitions=40_000, rng=generator())
    assert found.skewness == pytest.approx(population / np.sqrt(n), abs=0.1)


@pytest.mark.parametrize("n", [5, 20])
def test_the_interval_of_normal_distances_covers_as_often_as_students_t_says(n):
    distances = 10 + normal_quantiles(5000)
    found = normality_of_means(distances[None], n=n, repetitions=20_000, rng=generator())
    expected = 1 - 2 * t.sf(norm.ppf(0.975), n - 1)
    assert found.coverage == pytest.approx(expected, abs=4 * np.sqrt(0.1 / 20_000))


def test_the_test_accepts_normal_distances_and_rejects_heavy_tailed_ones():
    normal = normality_of_means(
        normal_quantiles(5000)[None], n=5, repetitions=500, rng=generator()
    )
    heavy = np.random.default_rng(0).lognormal(sigma=2, size=(1, 500))
    skewed = normality_of_means(heavy, n=5, repetitions=500, rng=generator())
    assert normal.p_value > 0.01
    assert skewed.p_value < 1e-6
    assert not skewed.acceptable


@given(st.floats(1e-6, 1e6), st.floats(0, 1e3), st.integers(0, 1000))
def test_neither_the_unit_nor_a_constant_share_of_the_distance_matters(unit, offset, seed):
    distances = np.random.default_rng(0).gamma(1, size=(3, 40))
    found, changed = (
        normality_of_means(values, n=8, repetitions=30, rng=np.random.default_rng(seed))
        for values in (distances, unit * (distances + offset))
    )
    np.testing.assert_allclose(changed.standardised, found.standardised, atol=1e-6)
    assert changed.coverage == pytest.approx(found.coverage, abs=1 / 30)


def test_estimates_come_in_ascending_order_one_for_each_repetition():
    found = normality_of_means([[1.0, 2.0, 5.0]], n=10, repetitions=25, rng=generator())
    assert found.standardised.shape == (25,)
    assert (np.diff(found.standardised) >= 0).all()


def test_the_same_generator_gives_the_same_estimates():
    first, second = (
        normality_of_means([[1.0, 2.0, 5.0]], n=10, repetitions=25, rng=generator())
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.standardised, second.standardised)


@pytest.mark.parametrize(
    ("distances", "n", "repetitions", "named"),
    [
        ([1.0, 2.0], 5, 50, "shape"),
        ([[1.0]], 5, 50, "shape"),
        ([[1.0, np.inf]], 5, 50, "finite"),
        ([[1.0, 2.0], [3.0, 3.0]], 5, 50, "vary"),
        ([[1.0, 2.0]], 1, 50, "n = 1"),
        ([[1.0, 2.0]], 5, 19, "19 repetitions"),
    ],
)
def test_what_cannot_be_resampled_is_refused(distances, n, repetitions, named):
    with pytest.raises(ValueError, match=named):
        normality_of_means(distances, n=n, repetitions=repetitions, rng=generator())


def test_the_recommended_number_is_the_smallest_from_which_on_all_are_acceptable():
    rows = [
        row(5, skewness=1.2, coverage=0.80),
        row(10, skewness=0.45, coverage=0.91),
        row(20, skewness=0.51, coverage=0.92),
        row(50, skewness=-0.4, coverage=0.93),
        row(100, skewness=0.2),
    ]
    assert recommended_inputs(rows) == 50
    assert recommended_inputs(rows[::-1]) == 50
    assert recommended_inputs([replace(found, coverage=0.89) for found in rows]) is None
    assert recommended_inputs([replace(found, skewness=0.5) for found in rows[1:]]) == 10


def test_normal_distances_need_few_inputs_and_heavy_tails_more_than_a_hundred():
    heavy = np.random.default_rng(0).lognormal(sigma=2.5, size=(4, 500))
    needed = {
        name: recommended_inputs(
            [
                normality_of_means(distances, n=n, repetitions=2000, rng=generator())
                for n in SAMPLE_SIZES
            ]
        )
        for name, distances in {"normal": normal_quantiles(500)[None], "heavy": heavy}.items()
    }
    assert needed == {"normal": 10, "heavy": None}
