from itertools import pairwise

import numpy as np
import pytest

from zoo_compress.search.toy import INITIAL_POINTS, NOISE, sinone, toy_search


def test_the_objective_has_the_documented_range_and_minimum():
    x = np.linspace(0, 1, 100_001)
    values = sinone(x)
    assert values.min() >= 0.042
    assert values.max() <= 0.976
    assert x[values.argmin()] == pytest.approx(0.6330, abs=5e-5)
    assert values.min() == pytest.approx(0.0429, abs=5e-5)


@pytest.mark.parametrize("seed", range(5))
def test_the_search_finds_the_global_minimum(seed):
    last = toy_search(seed=seed)[-1]
    assert sinone(last.best) <= 0.0429 + 2 * NOISE
    assert last.best == pytest.approx(0.633, abs=0.02)


def test_each_step_looks_where_the_last_one_said():
    steps = toy_search(steps=6, seed=1)
    for number, (step, following) in enumerate(pairwise(steps)):
        assert step.points.size == INITIAL_POINTS + number
        np.testing.assert_array_equal(following.points[:-1], step.points)
        np.testing.assert_array_equal(following.values[:-1], step.values)
        assert following.points[-1] == step.following


def test_the_next_point_is_the_maximum_of_an_acquisition_that_is_never_negative():
    for step in toy_search(steps=5, seed=2):
        assert (step.acquisition >= 0).all()
        assert step.acquisition.max() > 0
        assert step.following == step.grid[step.acquisition.argmax()]


def test_the_incumbent_is_the_observed_point_of_least_posterior_mean_and_cannot_improve():
    for step in toy_search(steps=8, seed=3):
        assert step.best in step.points
        means = np.interp(step.points, step.grid, step.mean)
        assert step.best_mean == pytest.approx(means.min(), abs=5e-3)
        at_best = step.acquisition[np.abs(step.grid - step.best).argmin()]
        assert at_best <= 0.2 * step.acquisition.max()


def test_the_band_is_narrow_at_observations_and_wide_away_from_them():
    step = toy_search(steps=1, seed=0)[0]
    deviation = np.interp(step.points, step.grid, step.deviation)
    assert (deviation <= 1.2 * NOISE).all()
    assert step.deviation.max() == pytest.approx(0.25, abs=0.01)


def test_observations_carry_the_stated_noise():
    steps = [toy_search(steps=12, seed=seed)[-1] for seed in range(8)]
    errors = np.concatenate([step.values - sinone(step.points) for step in steps])
    assert errors.std() == pytest.approx(NOISE, rel=4 / np.sqrt(2 * errors.size))


def test_the_same_seed_gives_the_same_steps():
    first, second = (toy_search(steps=4, seed=5)[-1] for _ in range(2))
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(first.acquisition, second.acquisition)


def test_a_search_of_no_steps_is_refused():
    with pytest.raises(ValueError, match="0 steps"):
        toy_search(steps=0)
