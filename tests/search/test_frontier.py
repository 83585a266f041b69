from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.core import Measurement, Plan, Trial
from zoo_compress.search.frontier import best_trial, multiplier, pareto_front
from zoo_compress.search.objective import (
    LeastBytes,
    LeastBytesAgreeing,
    LeastDistance,
    Weighted,
)

# Few values, so that ties occur.
sizes = st.integers(1, 12)
distances = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.5, 7.0])
finite = st.lists(st.tuples(sizes, distances), min_size=1, max_size=12)
broken = st.sampled_from([math.nan, math.inf])
any_points = st.lists(st.tuples(sizes, distances | broken), max_size=12)
limits = st.integers(0, 14)


def trials_from(points, disagreements=None) -> list[Trial]:
    return [
        Trial(
            number=number,
            plan=Plan(),
            measurement=Measurement(
                distance=distance,
                variance=0.0,
                inputs=50,
                stored_bytes=size,
                disagreement=None if disagreements is None else disagreements[number],
            ),
        )
        for number, (size, distance) in enumerate(points)
    ]


def beats(one: Trial, other: Trial) -> bool:
    """Return whether a trial is at least as good in both and better in one, or came earlier."""
    first = (one.measurement.stored_bytes, one.measurement.distance)
    second = (other.measurement.stored_bytes, other.measurement.distance)
    if first == second:
        return one.number < other.number
    return first[0] <= second[0] and first[1] <= second[1]


@given(points=any_points)
def test_the_front_holds_what_nothing_beats_most_bytes_first(points):
    trials = trials_from(points)
    usable = [trial for trial in trials if math.isfinite(trial.measurement.distance)]
    expected = [t for t in usable if not any(beats(other, t) for other in usable)]
    expected.sort(key=lambda trial: -trial.measurement.stored_bytes)
    assert pareto_front(trials) == expected


@given(points=any_points, limit=limits)
def test_the_front_answers_every_size_budget(points, limit):
    trials = trials_from(points)
    best = best_trial(trials, LeastDistance(), limit)
    fitting = [t for t in pareto_front(trials) if t.measurement.stored_bytes <= limit]
    if best is None:
        assert fitting == []
    else:
        assert best in trials
        assert best.measurement.distance == fitting[0].measurement.distance


@given(points=any_points, distance=distances)
def test_the_front_answers_every_distance_budget(points, distance):
    trials = trials_from(points)
    best = best_trial(trials, LeastBytes(distance), 14)
    close = [t for t in pareto_front(trials) if t.measurement.distance <= distance]
    if best is None:
        assert close == []
    else:
        assert best in trials
        assert best.measurement.stored_bytes == close[-1].measurement.stored_bytes


@given(points=any_points, gamma=st.floats(0.01, 100))
def test_the_front_answers_every_weight(points, gamma):
    trials, objective = trials_from(points), Weighted(gamma, original_bytes=10, scale=2.0)
    best = best_trial(trials, objective, 14)
    losses = [objective.loss(trial.measurement, 14) for trial in pareto_front(trials)]
    if best is None:
        assert losses == []
    else:
        assert objective.loss(best.measurement, 14) == min(losses)


def test_a_disagreement_budget_is_answered_by_the_shares_measured():
    trials = trials_from([(9, 1.0), (7, 2.0), (5, 3.0)], [0.0, 0.06, 0.04])
    budgets = (0.0, 0.05, 0.02)
    found = [best_trial(trials, LeastBytesAgreeing(share, 1.0), 20) for share in budgets]
    assert found == [trials[0], trials[2], trials[0]]
    assert best_trial(trials_from([(9, 1.0)]), LeastBytesAgreeing(0.05, 1.0), 20) is None


@pytest.mark.parametrize("objective", [LeastDistance(), LeastBytes(5.0), Weighted(1.0, 10, 1.0)])
def test_of_equals_the_earliest_is_the_best(objective):
    trials = trials_from([(8, math.nan), (5, 1.0), (5, 1.0)])
    assert best_trial(trials, objective, 10) is trials[1]


def dual(points, limit, weight) -> float:
    return min(distance + weight * (size - limit) for size, distance in points)


def weights_at_which_two_plans_tie(points) -> list[float]:
    """Return where the dual has its corners: its maximum is at one of these, or at 0."""
    pairs = [(a, b) for a in points for b in points if b[0] > a[0] and a[1] > b[1]]
    return [0.0, *((a[1] - b[1]) / (b[0] - a[0]) for a, b in pairs)]


@given(points=finite, limit=limits)
def test_the_multiplier_maximises_the_dual(points, limit):
    found = multiplier(trials_from(points), limit)
    if min(size for size, _ in points) > limit:
        assert found == math.inf
    else:
        corners = weights_at_which_two_plans_tie(points)
        best = max(dual(points, limit, weight) for weight in corners)
        assert dual(points, limit, found) == pytest.approx(best, rel=1e-9, abs=1e-9)
        grid = np.linspace(0, 10, 101)
        assert best >= max(dual(points, limit, weight) for weight in grid) - 1e-9


@given(points=finite, limit=limits)
def test_the_multiplier_is_0_where_the_closest_plan_fits_and_falls_with_the_limit(points, limit):
    trials = trials_from(points)
    closest = min(points, key=lambda point: (point[1], point[0]))
    assert (multiplier(trials, limit) == 0) == (closest[0] <= limit)
    assert multiplier(trials, limit + 1) <= multiplier(trials, limit) * (1 + 1e-9)


def test_the_multiplier_is_the_distance_that_one_more_byte_saves():
    """On a straight front of 3 less for every byte more."""
    trials = trials_from([(size, 60.0 - 3 * size) for size in range(1, 20)])
    assert multiplier(trials, 10) == pytest.approx(3.0, rel=1e-9)


def test_trials_that_broke_count_for_nothing():
    sound = [(9, 1.0), (5, 3.0), (2, 6.0)]
    trials = trials_from([*sound, (1, math.nan), (1, math.inf)])
    assert multiplier(trials, 5) == multiplier(trials_from(sound), 5)
    assert multiplier(trials, 1) == math.inf
    assert pareto_front(trials) == trials[:3]
