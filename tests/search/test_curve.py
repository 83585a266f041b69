from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.search.curve import REACH, SMALLEST_SHARE, WEIGHT_OF_THE_SCAN, SizeCurve
from zoo_compress.testing.problems import draw_problem, problem_of

PROBLEM = draw_problem(4, sites=12)
CURVE = PROBLEM.curve


def test_the_curve_goes_from_the_largest_plan_to_the_smallest():
    space = PROBLEM.space
    np.testing.assert_array_equal(CURVE.thetas[0], space.largest)
    np.testing.assert_array_equal(CURVE.thetas[-1], space.smallest)
    assert (np.diff(CURVE.stored_bytes) < 0).all()
    assert (np.diff(CURVE.log_distance) > 0).all()


def test_its_plans_are_those_of_the_knapsack_with_their_sizes_and_predictions():
    assert len(CURVE.thetas) > 20
    for theta, size in zip(CURVE.thetas, CURVE.stored_bytes, strict=True):
        assert PROBLEM.space.separable_bytes(theta) == size
        assert PROBLEM.space.separable_bytes(theta) >= PROBLEM.space.stored_bytes(theta)
    predicted = PROBLEM.sensitivity.distances(np.array(CURVE.thetas[1:]))
    np.testing.assert_allclose(np.exp(CURVE.log_distance[1:]), predicted, rtol=1e-12)


def test_a_plan_without_any_distance_has_a_finite_logarithm():
    assert CURVE.log_distance[0] == pytest.approx(CURVE.log_distance[-1] + np.log(SMALLEST_SHARE))


def test_a_space_of_one_plan_is_a_curve_of_one_point():
    problem = problem_of([[100], [50]], [[0], [0]], 250)
    assert problem.curve.stored_bytes.tolist() == [250]
    assert problem.curve.size_for(3.0, problem.curve.log_distance) == 250


def test_without_trials_nothing_is_shifted():
    np.testing.assert_array_equal(CURVE.calibrated([], []), CURVE.log_distance)


def test_trials_shift_sizes_like_their_own_and_leave_far_ones_alone():
    middle = len(CURVE.thetas) // 2
    size = int(CURVE.stored_bytes[middle])
    shift = CURVE.calibrated([size] * 4, [2.0] * 4) - CURVE.log_distance
    apart = np.abs(np.log(CURVE.stored_bytes / size))
    assert shift[middle] == pytest.approx(2 * 4 / (4 + WEIGHT_OF_THE_SCAN))
    assert (np.diff(shift[np.argsort(apart)]) <= 1e-12).all()
    assert (shift[apart > 4 * REACH] < 0.02).all()
    assert (apart > 4 * REACH).any()


def test_one_trial_is_believed_in_part_and_many_almost_wholly():
    size = int(CURVE.stored_bytes[-5])
    shifts = [
        (CURVE.calibrated([size] * count, [1.0] * count) - CURVE.log_distance)[-5]
        for count in (1, 5, 50)
    ]
    np.testing.assert_allclose(shifts, [1 / 1.5, 5 / 5.5, 50 / 50.5], rtol=1e-12)


@given(
    target=st.floats(-40, 20),
    more=st.floats(0, 10),
    residuals=st.lists(st.floats(-2, 2), max_size=6),
)
def test_more_distance_never_takes_more_bytes(target, more, residuals):
    sizes = [int(s) for s in CURVE.stored_bytes[10 : 10 + len(residuals)]]
    calibrated = CURVE.calibrated(sizes, residuals)
    sized = [CURVE.size_for(goal, calibrated) for goal in (target, target + more)]
    assert sized[1] <= sized[0]
    assert CURVE.stored_bytes[-1] <= sized[1]
    assert sized[0] <= CURVE.stored_bytes[0]


def test_a_size_lies_between_those_whose_distances_enclose_the_one_wanted():
    for index in range(1, len(CURVE.thetas) - 1):
        target = (CURVE.log_distance[index] + CURVE.log_distance[index + 1]) / 2
        found = CURVE.size_for(target, CURVE.log_distance)
        assert CURVE.stored_bytes[index + 1] <= found <= CURVE.stored_bytes[index]


def test_beyond_the_curve_the_size_is_that_of_its_end():
    ends = (CURVE.log_distance[0] - 1, CURVE.log_distance[-1] + 1)
    found = [CURVE.size_for(target, CURVE.log_distance) for target in ends]
    assert found == [CURVE.stored_bytes[0], CURVE.stored_bytes[-1]]


def test_the_curve_of_a_scan_that_found_no_effect_is_finite():
    problem = problem_of([[100, 50, 20]] * 3, np.zeros((3, 3)), 250)
    assert isinstance(problem.curve, SizeCurve)
    assert np.isfinite(problem.curve.log_distance).all()
