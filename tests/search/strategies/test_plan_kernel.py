from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from zoo_compress.search.moves import random_plan
from zoo_compress.search.strategies.gp_model import LENGTH_BOUNDS, VARIANCE_BOUNDS, PlanKernel
from zoo_compress.search.strategies.gp_posterior import PlanFeatures
from zoo_compress.testing.problems import draw_problem

SITES = 6
PARAMETERS = {
    "level_variance": 0.3,
    "plan_variance": 0.05,
    "length": 0.7,
    "common_variance": 0.11,
}
PROBLEM = draw_problem(2, sites=SITES, share=0.15)
FEATURES = PlanFeatures(problem=PROBLEM, unit=0.1)

variances = st.floats(*VARIANCE_BOUNDS)
lengths = st.floats(*LENGTH_BOUNDS)


def rows(seed, count=12):
    rng = np.random.default_rng(seed)
    return FEATURES.rows([random_plan(PROBLEM, rng) for _ in range(count)])


def kernel(**changes) -> PlanKernel:
    return PlanKernel(SITES, **(PARAMETERS | changes))


@given(seed=st.integers(0, 2**16), a=variances, b=variances, c=variances, length=lengths)
def test_it_is_a_covariance(seed, a, b, c, length):
    plans = rows(seed)
    matrix = PlanKernel(SITES, a, b, length, c)(plans)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-12)
    assert np.linalg.eigvalsh(matrix).min() >= -1e-12 * np.trace(matrix)


@given(seed=st.integers(0, 2**16))
def test_its_diagonal_is_that_of_the_matrix(seed):
    plans = rows(seed)
    np.testing.assert_allclose(kernel().diag(plans), np.diag(kernel()(plans)), rtol=1e-12)


def test_the_covariance_of_two_sets_is_a_part_of_that_of_their_union():
    plans, others = rows(0), rows(1, 7)
    whole = kernel()(np.vstack([plans, others]))
    np.testing.assert_allclose(kernel()(plans, others), whole[:12, 12:], rtol=1e-12)
    np.testing.assert_allclose(kernel()(others), whole[12:, 12:], rtol=1e-12)


def test_it_is_the_documented_formula():
    plans, others = rows(3, 5), rows(4, 4)
    for i, x in enumerate(plans):
        for j, y in enumerate(others):
            r = np.sqrt(5) * np.linalg.norm(x[:SITES] - y[:SITES]) / 0.7
            matern = (1 + r + r**2 / 3) * np.exp(-r)
            expected = 0.3 * (x[SITES:] @ y[SITES:]) + 0.05 * matern + 0.11
            assert kernel()(plans, others)[i, j] == pytest.approx(expected, rel=1e-12)


def test_plans_without_a_common_level_share_nothing_but_the_other_terms():
    first, second = np.full(SITES, 2), np.full(SITES, 5)
    plans = FEATURES.rows([first, second])
    np.testing.assert_allclose(kernel().alike(plans, plans), np.eye(2), atol=1e-12)
    only_levels = kernel(plan_variance=1e-300, common_variance=1e-300)(plans)
    np.testing.assert_allclose(only_levels, 0.3 * np.eye(2), atol=1e-12)


@given(seed=st.integers(0, 2**16), a=variances, b=variances, c=variances, length=lengths)
def test_its_gradient_is_that_of_finite_differences(seed, a, b, c, length):
    plans, step = rows(seed), 1e-5
    start = PlanKernel(SITES, a, b, length, c)
    matrix, gradient = start(plans, eval_gradient=True)
    np.testing.assert_array_equal(matrix, start(plans))
    assert gradient.shape == (*matrix.shape, 4)
    for index in range(4):
        moved = np.eye(4)[index] * step
        above, below = (start.clone_with_theta(start.theta + m)(plans) for m in (moved, -moved))
        np.testing.assert_allclose(
            gradient[..., index], (above - below) / (2 * step), rtol=1e-6, atol=1e-9
        )


def test_the_gradient_of_equal_plans_is_finite():
    plans = np.repeat(rows(5, 1), 3, axis=0)
    matrix, gradient = kernel()(plans, eval_gradient=True)
    assert np.isfinite(matrix).all()
    assert np.isfinite(gradient).all()


def test_scikit_learn_can_take_it_apart_and_put_it_together_again():
    original = kernel()
    assert original.get_params() == {"sites": SITES, **PARAMETERS}
    copy = clone(original)
    assert copy is not original
    assert copy == original
    np.testing.assert_array_equal(copy(rows(6)), original(rows(6)))
    assert PlanKernel(SITES).set_params(**PARAMETERS) == original


def test_its_hyper_parameters_are_logarithms_in_the_order_of_their_names():
    original = kernel()
    names = ["common_variance", "length", "level_variance", "plan_variance"]
    assert [parameter.name for parameter in original.hyperparameters] == names
    np.testing.assert_allclose(np.exp(original.theta), [PARAMETERS[name] for name in names])
    bounds = np.exp(original.bounds)
    expected = [LENGTH_BOUNDS if name == "length" else VARIANCE_BOUNDS for name in names]
    np.testing.assert_allclose(bounds, expected)
    changed = original.clone_with_theta(np.log([1.0, 2.0, 3.0, 4.0]))
    assert (changed.common_variance, changed.length) == pytest.approx((1, 2))
    assert (changed.level_variance, changed.plan_variance) == pytest.approx((3, 4))
    assert original == kernel()


def test_it_is_not_stationary():
    assert kernel().is_stationary() is False
