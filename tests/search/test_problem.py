from __future__ import annotations

import numpy as np
import pytest

from zoo_compress.search.agreement import distance_at_disagreement
from zoo_compress.search.objective import LeastBytes, LeastDistance, Weighted
from zoo_compress.search.problem import SMALLEST_DISTANCE, History
from zoo_compress.testing.problems import draw_problem, problem_of
from zoo_compress.testing.trials import trial_of

TABLE = [[100, 60, 40], [80, 30, 20]]
DISTORTION = [[0, 1, 4], [0, 2, 8]]


@pytest.fixture
def problem():
    return problem_of(TABLE, DISTORTION, 280)


@pytest.fixture
def history(problem):
    history = History(problem.space)
    for number, (theta, distance) in enumerate([((0, 1), 3.0), ((2, 1), 1.0), ((1, 1), 1.0)]):
        history.add(trial_of(problem.space, theta, number, distance, variance=0.1 * distance))
    return history


def test_trials_are_remembered_as_arrays(history):
    assert len(history) == 3
    assert [theta.tolist() for theta in history.thetas] == [[0, 1], [2, 1], [1, 1]]
    assert history.distances == [3.0, 1.0, 1.0]
    assert history.variances == pytest.approx([0.3, 0.1, 0.1])
    assert history.sizes == [230, 170, 190]
    assert history.disagreements == [None, None, None]


def test_the_best_plan_is_the_earliest_of_least_distance(problem, history):
    assert history.best(problem).tolist() == [2, 1]


def test_a_plan_beyond_the_limit_is_the_best_only_where_all_are(problem, history):
    history.add(trial_of(problem.space, (0, 0), 3, 1e-3))
    assert history.best(problem).tolist() == [0, 0]
    assert history.best(problem.within(200)).tolist() == [2, 1]


def test_the_best_plan_is_that_of_the_objective(problem, history):
    assert history.best(problem.aiming_at(LeastBytes(1.0))).tolist() == [2, 1]
    small = Weighted(1e-3, original_bytes=280, scale=1.0)
    assert history.best(problem.aiming_at(small)).tolist() == [2, 1]
    history.add(trial_of(problem.space, (0, 0), 3, 0.01))
    close = Weighted(1e3, original_bytes=280, scale=1.0)
    assert history.best(problem.aiming_at(close)).tolist() == [0, 0]
    assert history.best(problem.aiming_at(small)).tolist() == [2, 1]


OBJECTIVES = [LeastDistance(), LeastBytes(1.0), Weighted(1.0, 280, 1.0), Weighted(10.0, 280, 1.0)]


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_distance_that_is_not_finite_is_never_the_best(problem, history, bad, objective):
    history.add(trial_of(problem.space, (2, 2), 3, bad))
    assert history.distances[-1] == np.inf
    assert history.best(problem.aiming_at(objective)).tolist() == [2, 1]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_where_every_plan_is_broken_there_is_a_best_one_all_the_same(problem, objective):
    history = History(problem.space)
    history.add(trial_of(problem.space, (2, 2), 0, np.inf))
    assert history.best(problem.aiming_at(objective)).tolist() == [2, 2]


def test_a_plan_counts_as_seen_once_it_was_measured(history):
    assert history.seen(np.array([1, 1]))
    assert not history.seen(np.array([1, 0]))


def test_the_generator_depends_on_the_seed_and_the_number_of_trials_alone(problem, history):
    other = History(problem.space)
    for number in range(3):
        other.add(trial_of(problem.space, (0, 0), number, 9.0))
    draws = [h.generator(seed).random() for h in (history, other) for seed in (5, 6)]
    assert draws[:2] == draws[2:]
    assert draws[0] != draws[1]
    other.add(trial_of(problem.space, (0, 0), 3))
    assert other.generator(5).random() != draws[0]


def test_a_residual_is_what_the_scan_has_not_said_of_the_log_distance(problem, history):
    history.add(trial_of(problem.space, (2, 2), 3, np.inf))
    expected = [np.log(3 / 2), np.log(1 / 6), np.log(1 / 3), 0.0]
    np.testing.assert_allclose(history.residuals(problem), expected, rtol=1e-12)


def test_distances_too_small_to_matter_are_all_alike(problem):
    floor = SMALLEST_DISTANCE * 12
    assert problem.smallest_distance == pytest.approx(floor)
    nothing = problem.space.largest
    assert problem.predicted([nothing]).tolist() == pytest.approx([np.log(floor)])
    assert problem.predicted([]).shape == (0,)
    history = History(problem.space)
    history.add(trial_of(problem.space, nothing, 0, 0.0))
    assert history.residuals(problem) == [0.0]


def test_a_scan_that_found_no_effect_at_all_still_has_a_smallest_distance():
    problem = problem_of(TABLE, np.zeros((2, 3)), 280)
    assert problem.smallest_distance == SMALLEST_DISTANCE
    assert np.isfinite(problem.predicted([problem.space.smallest])).all()


def test_another_size_lies_between_the_smallest_possible_and_the_limit(problem):
    assert problem.within(200).limit == 200
    assert problem.within(10**9).limit == 280
    assert problem.within(1).limit == 100 + 40 + 20
    assert problem.within(200).within(250).limit == 200


def test_another_size_or_objective_changes_nothing_else(problem):
    changed = problem.within(200).aiming_at(LeastBytes(1.0))
    assert (changed.limit, changed.objective) == (200, LeastBytes(1.0))
    assert changed.seed == problem.seed
    for name in ("space", "sensitivity", "curve"):
        assert getattr(changed, name) is getattr(problem, name)
    assert changed.smallest_distance == problem.smallest_distance
    assert (problem.limit, problem.objective) == (280, LeastDistance())


def test_the_calibrated_curve_is_the_scans_until_there_are_trials():
    problem = draw_problem(3)
    history = History(problem.space)
    np.testing.assert_array_equal(problem.calibrated(history), problem.curve.log_distance)
    theta = problem.curve.thetas[len(problem.curve.thetas) // 2]
    predicted = float(problem.sensitivity.distances(theta[None])[0])
    history.add(trial_of(problem.space, theta, 0, 3 * predicted))
    expected = problem.curve.calibrated(history.sizes, [np.log(3)])
    np.testing.assert_allclose(problem.calibrated(history), expected, rtol=1e-12)


def test_trials_without_answers_or_without_a_usable_distance_tell_nothing_of_agreement(problem):
    history = History(problem.space)
    found = [(1.0, 0.02), (4.0, 0.10), (np.inf, 1.0), (0.0, 0.0), (2.0, None)]
    for number, (distance, share) in enumerate(found):
        theta = (number % 3, number // 3)
        history.add(trial_of(problem.space, theta, number, distance, disagreement=share))
    expected = distance_at_disagreement(0.05, [(1.0, 0.02), (4.0, 0.10)], scale=30.0)
    assert history.distance_at_disagreement(0.05, scale=30.0) == expected
