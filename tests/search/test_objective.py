from __future__ import annotations

import math

import numpy as np
import pytest

from zoo_compress.core import Measurement
from zoo_compress.search.objective import (
    Beliefs,
    LeastBytes,
    LeastBytesAgreeing,
    LeastDistance,
    Weighted,
)
from zoo_compress.search.problem import History
from zoo_compress.testing.problems import draw_problem, reachable_distance
from zoo_compress.testing.trials import trial_of

DRAWS = 200_000
SIGMAS = 4


def found(distance, stored_bytes=100, disagreement=None) -> Measurement:
    return Measurement(
        distance=distance,
        variance=0.0,
        inputs=50,
        stored_bytes=stored_bytes,
        disagreement=disagreement,
    )


@pytest.fixture
def problem():
    """Every size is allowed."""
    return draw_problem(9, sites=10, share=1.0)


def history_of(problem, *trials):
    """Return the history of (size, distance[, share]): the curve's plan of about that size."""
    history = History(problem.space)
    for number, (size, distance, *share) in enumerate(trials):
        index = int(np.argmin(np.abs(problem.curve.stored_bytes - size)))
        theta = problem.curve.thetas[index]
        disagreement = share[0] if share else None
        history.add(trial_of(problem.space, theta, number, distance, disagreement=disagreement))
    return history


def beliefs(seed=0, points=5) -> Beliefs:
    rng = np.random.default_rng(seed)
    root = 0.4 * rng.standard_normal((points, points))
    return Beliefs(
        mean=0.5 * rng.standard_normal(points),
        covariance=root @ root.T,
        stored_bytes=rng.integers(80, 120, points).astype(float),
    )


def draws_of(believed) -> np.ndarray:
    return np.random.default_rng(7).multivariate_normal(believed.mean, believed.covariance, DRAWS)


def assert_is_the_mean(promised, gains) -> None:
    error = gains.std(axis=0, ddof=1) / math.sqrt(len(gains))
    assert (np.abs(promised - gains.mean(axis=0)) <= SIGMAS * error + 1e-6).all()


LOSSES = [
    (LeastDistance(), found(2.0), 2.0),
    (LeastDistance(), found(2.0, stored_bytes=200), 2.0),
    (LeastDistance(), found(2.0, stored_bytes=201), math.inf),
    (LeastBytes(2.0), found(2.0), 100.0),
    (LeastBytes(2.0), found(2.001), math.inf),
    (LeastBytes(2.0), found(1.0, stored_bytes=201), math.inf),
    (LeastBytesAgreeing(0.02, 1.0), found(9.0, disagreement=0.02), 100.0),
    (LeastBytesAgreeing(0.02, 1.0), found(0.0, disagreement=0.04), math.inf),
    (LeastBytesAgreeing(0.02, 1.0), found(0.0), math.inf),
    (LeastBytesAgreeing(0.02, 1.0), found(0.0, 201, disagreement=0.0), math.inf),
    (Weighted(3.0, original_bytes=400, scale=6.0), found(2.0), 0.25 + 3 * 2 / 6),
]


@pytest.mark.parametrize(("objective", "measurement", "expected"), LOSSES)
def test_the_loss_is_what_the_objective_minimises(objective, measurement, expected):
    assert objective.loss(measurement, 200) == pytest.approx(expected, rel=1e-12)


EVERY = [LeastDistance(), LeastBytes(2.0), LeastBytesAgreeing(0.02, 1.0), Weighted(1.0, 400, 1.0)]


@pytest.mark.parametrize("objective", EVERY)
@pytest.mark.parametrize("distance", [math.nan, math.inf])
def test_a_broken_plan_never_qualifies(objective, distance):
    assert objective.loss(found(distance, disagreement=1.0), 200) == math.inf


def test_a_size_budget_is_used_up_by_every_proposal(problem):
    history = history_of(problem, (300, 1.0), (200, 5.0))
    assert problem.focused(history) is problem


@pytest.mark.parametrize("objective", [EVERY[0], EVERY[1], EVERY[3]])
def test_plans_of_one_size_are_ordered_by_their_distance(objective):
    mean = np.array([0.3, -1.0, 2.0])
    losses = objective.losses(mean, np.full(3, 150.0), 200)
    assert np.argsort(losses).tolist() == [1, 0, 2]


def test_plans_above_a_size_budget_come_last_whatever_their_distance():
    losses = LeastDistance().losses(np.array([5.0, -40.0, 4.0]), np.array([99, 101, 100.0]), 100)
    assert np.argsort(losses).tolist() == [2, 0, 1]


def test_for_the_fewest_bytes_a_plan_is_worth_the_size_at_which_it_would_keep_the_distance():
    """A plan e times as far off as another is no worse if it is a factor e^(1/4) smaller."""
    losses = LeastBytes(1.0).losses(
        np.array([0.0, 1.0, 1.0]), np.array([100, 100 * math.exp(-0.25), 90.0]), 200
    )
    assert losses[0] == pytest.approx(losses[1], abs=1e-12)
    assert losses[2] > losses[0]


def size_for(problem, distance):
    return problem.curve.size_for(math.log(distance), problem.curve.log_distance)


def test_the_first_proposal_for_the_fewest_bytes_has_the_size_that_the_scan_expects(problem):
    distance = reachable_distance(problem)
    focused = problem.aiming_at(LeastBytes(distance)).focused(History(problem.space))
    assert focused.limit == size_for(problem, distance)
    assert focused.objective == LeastBytes(distance)


def test_trials_that_miss_the_distance_move_proposals_to_more_and_more_bytes(problem):
    distance = reachable_distance(problem)
    aimed = problem.aiming_at(LeastBytes(distance))
    sizes, trials = [], []
    for _ in range(6):
        sizes.append(aimed.focused(history_of(problem, *trials)).limit)
        trials.append((sizes[-1], 3 * distance))
    assert (np.diff(sizes) > 0).all()


def test_a_trial_that_keeps_the_distance_moves_proposals_to_fewer_bytes(problem):
    distance = reachable_distance(problem)
    aimed = problem.aiming_at(LeastBytes(distance))
    start = size_for(problem, distance)
    steps = []
    for slack in (1.0, 1.2, 2.0, 1e6):
        history = history_of(problem, (2 * start, distance / 1e3), (start, distance / slack))
        steps.append(1 - aimed.focused(history).limit / history.sizes[1])
    assert steps[0] == pytest.approx(0.003, abs=2e-3)
    assert (np.diff(steps) > 0).all()
    assert steps[-1] == pytest.approx(0.2, abs=2e-3)


def test_the_best_plan_so_far_is_what_bytes_are_saved_on(problem):
    distance = reachable_distance(problem)
    start = size_for(problem, distance)
    aimed = problem.aiming_at(LeastBytes(distance))
    missed = history_of(problem, (start, 2 * distance))
    assert aimed.focused(missed).objective == LeastBytes(distance)
    kept = history_of(problem, (start, 2 * distance), (2 * start, distance), (1.5 * start, 0.0))
    assert aimed.focused(kept).objective == LeastBytes(distance, kept.sizes[2])


def test_trials_that_miss_move_proposals_back_towards_the_best_plan(problem):
    """So that no size between a failure and a success is left out for good."""
    distance = reachable_distance(problem)
    aimed = problem.aiming_at(LeastBytes(distance))
    trials, limits = [(size_for(problem, distance), 0.3 * distance)], []
    for _ in range(20):
        history = history_of(problem, *trials)
        limits.append(aimed.focused(history).limit)
        trials.append((limits[-1], 3 * distance))
    assert (np.diff(limits) >= 0).all()
    assert limits[0] < 0.85 * history.sizes[0]
    assert limits[-1] == pytest.approx(history.sizes[0] * (1 - 0.003), rel=1e-3)


def test_the_step_down_is_where_the_distance_is_expected_to_be_reached(problem):
    """Log distance falls by 4 for a factor e of size."""
    distance = reachable_distance(problem)
    history = history_of(problem, (size_for(problem, distance), distance / 1.5))
    focused = problem.aiming_at(LeastBytes(distance)).focused(history)
    assert focused.limit / history.sizes[0] == pytest.approx(1.5 ** (-1 / 4), rel=2e-3)


@pytest.mark.parametrize("objective", EVERY)
def test_no_proposal_leaves_the_range_of_sizes(problem, objective):
    space = problem.space
    smallest = space.separable_bytes(space.smallest)
    limited = problem.within(2 * smallest).aiming_at(objective)
    for distance in (1e-30, 1e-3, 1e30, math.inf):
        for size in (smallest, 2 * smallest, 10 * smallest):
            history = history_of(problem, (size, distance, 0.0), (size, distance, 1.0))
            assert smallest <= limited.focused(history).limit <= 2 * smallest


def test_agreement_is_sought_at_the_distance_that_goes_with_it(problem):
    distance = reachable_distance(problem)
    objective = LeastBytesAgreeing(0.05, scale=16 * distance)
    history = history_of(problem, (size_for(problem, distance), 2 * distance, 0.1))
    allowed = history.distance_at_disagreement(0.05, scale=16 * distance)
    focused = problem.aiming_at(objective).focused(history)
    expected = problem.aiming_at(LeastBytes(allowed)).focused(history)
    assert focused.objective == LeastBytes(allowed)
    assert focused.limit == expected.limit


def test_trials_that_agree_allow_more_distance_and_fewer_bytes(problem):
    distance = reachable_distance(problem)
    aimed = problem.aiming_at(LeastBytesAgreeing(0.05, scale=16 * distance))
    limits, size = [], size_for(problem, distance)
    for share in (0.0, 0.5):
        trials = [(size * factor, 2 * distance / factor, share) for factor in (1.0, 1.1, 1.2)]
        limits.append(aimed.focused(history_of(problem, *trials)).limit)
    assert limits[0] < limits[1]


@pytest.mark.parametrize("closeness", np.geomspace(1e-6, 1e-3, 7))
def test_a_trial_that_disagrees_never_moves_proposals_to_fewer_bytes(problem, closeness):
    """However close it is, and though it is the closest of all."""
    distance = reachable_distance(problem)
    size = size_for(problem, distance)
    aimed = problem.aiming_at(LeastBytesAgreeing(0.01, scale=16 * distance))
    history = history_of(problem, (size, closeness * distance, 0.5))
    assert aimed.focused(history).limit > history.sizes[0]


def test_which_plans_agree_their_shares_say_and_not_their_distances(problem):
    distance = reachable_distance(problem)
    aimed = problem.aiming_at(LeastBytesAgreeing(0.05, scale=16 * distance))
    start = size_for(problem, distance)
    close, far = (start, 1e-3 * distance, 0.06), (2 * start, 3 * distance, 0.04)
    history = history_of(problem, close, far)
    focused = aimed.focused(history)
    assert focused.objective.best_bytes == history.sizes[1]
    assert history.sizes[0] < focused.limit < history.sizes[1]


@pytest.mark.parametrize("gamma", [0.01, 1.0, 100.0])
def test_a_weighted_search_looks_at_the_size_of_least_expected_loss(problem, gamma):
    objective = Weighted(gamma, original_bytes=100_000, scale=reachable_distance(problem))
    focused = problem.aiming_at(objective).focused(History(problem.space))
    distances = problem.sensitivity.distances(np.array(problem.curve.thetas))
    losses = [
        objective.loss(found(float(distance), int(size)), 0)
        for distance, size in zip(distances, problem.curve.stored_bytes, strict=True)
    ]
    assert focused.limit == int(problem.curve.stored_bytes[int(np.argmin(losses))])


def test_the_more_distance_weighs_the_more_bytes_are_spent(problem):
    scale, history = reachable_distance(problem), History(problem.space)
    limits = [
        problem.aiming_at(Weighted(gamma, 100_000, scale)).focused(history).limit
        for gamma in (1e-4, 1e-2, 1.0, 1e2)
    ]
    assert (np.diff(limits) > 0).all()


def test_trials_worse_than_the_scan_expects_move_a_weighted_search_to_more_bytes(problem):
    aimed = problem.aiming_at(Weighted(0.1, 100_000, reachable_distance(problem)))
    start = aimed.focused(History(problem.space)).limit
    index = int(np.argmin(np.abs(problem.curve.stored_bytes - start)))
    predicted = math.exp(problem.curve.log_distance[index])
    worse = history_of(problem, *[(start, 20 * predicted)] * 3)
    assert aimed.focused(worse).limit > start


@pytest.mark.parametrize("seed", range(3))
def test_least_distance_promises_the_mean_improvement_of_the_log_distance(seed):
    believed = beliefs(seed)
    draws = draws_of(believed)
    promised = LeastDistance().promise(believed, 1, 200)
    assert_is_the_mean(promised, np.maximum(draws[:, [1]] - draws, 0))


@pytest.mark.parametrize("seed", range(3))
def test_fewest_bytes_promise_the_mean_saving_on_a_plan_that_keeps_the_distance(seed):
    believed = beliefs(seed)
    kept = np.exp(draws_of(believed)) <= 1.2
    saved = 110.0 - believed.stored_bytes
    promised = LeastBytes(1.2, best_bytes=110.0).promise(believed, 0, 200)
    assert_is_the_mean(np.exp(promised), kept * np.maximum(saved, 0))


def test_while_no_plan_keeps_the_distance_the_one_likeliest_to_promises_most():
    believed = Beliefs(
        mean=np.array([3.0, 1.0, 2.0]), covariance=np.eye(3), stored_bytes=np.full(3, 100.0)
    )
    assert np.argmax(LeastBytes(0.5).promise(believed, 1, 200)) == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("gamma", [0.1, 10.0])
def test_a_weighted_search_promises_the_mean_improvement_of_its_loss(seed, gamma):
    believed = beliefs(seed)
    objective = Weighted(gamma, original_bytes=400, scale=5.0)
    best = objective.losses(believed.mean, believed.stored_bytes, 200)[2]
    losses = believed.stored_bytes / 400 + gamma / 5 * np.exp(draws_of(believed))
    promised = gamma / 5 * objective.promise(believed, 2, 200)
    assert_is_the_mean(promised, np.maximum(best - losses, 0))


@pytest.mark.parametrize("objective", EVERY)
def test_extreme_beliefs_promise_numbers(objective):
    believed = Beliefs(
        mean=np.array([-200.0, 0.0, 200.0, 0.0]),
        covariance=np.diag([4.0, 0.0, 4.0, 1e-30]),
        stored_bytes=np.array([1.0, 100.0, 1e12, 100.0]),
    )
    for incumbent in range(4):
        promised = objective.promise(believed, incumbent, 200)
        assert promised.shape == (4,)
        assert not np.isnan(promised).any()
