from __future__ import annotations

import numpy as np
import pytest

from zoo_compress.search.problem import History


@pytest.fixture
def space(make_space):
    return make_space([[100, 60, 40], [80, 30, 20]])


@pytest.fixture
def history(space, make_trial):
    history = History(space)
    for number, (theta, distance) in enumerate([((0, 1), 3.0), ((2, 1), 1.0), ((1, 1), 1.0)]):
        history.add(make_trial(space, theta, number, distance, variance=0.1 * distance))
    return history


def test_trials_are_remembered_as_arrays(history):
    assert len(history) == 3
    assert [theta.tolist() for theta in history.thetas] == [[0, 1], [2, 1], [1, 1]]
    assert history.distances == [3.0, 1.0, 1.0]
    assert history.variances == pytest.approx([0.3, 0.1, 0.1])


def test_the_best_plan_is_the_earliest_of_least_distance(history):
    assert history.best().tolist() == [2, 1]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_distance_that_is_not_finite_is_never_the_best(history, space, make_trial, bad):
    history.add(make_trial(space, (2, 2), 3, bad))
    assert history.distances[-1] == np.inf
    assert history.best().tolist() == [2, 1]


def test_a_plan_counts_as_seen_once_it_was_measured(history):
    assert history.seen(np.array([1, 1]))
    assert not history.seen(np.array([1, 0]))


def test_the_generator_depends_on_the_seed_and_the_number_of_trials_alone(
    history, space, make_trial
):
    other = History(space)
    for number in range(3):
        other.add(make_trial(space, (0, 0), number, 9.0))
    draws = [h.generator(seed).random() for h in (history, other) for seed in (5, 6)]
    assert draws[:2] == draws[2:]
    assert draws[0] != draws[1]
    other.add(make_trial(space, (0, 0), 3))
    assert other.generator(5).random() != draws[0]
