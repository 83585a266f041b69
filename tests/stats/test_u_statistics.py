from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.stats.u_statistics import (
    kernel_matrix,
    mean_and_variance,
    pair_mean_and_variance,
)


def test_the_mean_and_its_variance_follow_the_formula():
    mean, variance = mean_and_variance([1.0, 2.0, 6.0])
    assert mean == 3.0
    assert variance == pytest.approx((4 + 1 + 9) / 2 / 3)


def test_constant_distances_have_no_variance():
    assert mean_and_variance(np.full(10, 2.5)) == (2.5, 0.0)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_distance_that_is_not_finite_makes_both_infinite(bad):
    assert mean_and_variance([1.0, bad, 2.0]) == (math.inf, math.inf)


@pytest.mark.parametrize("values", [[], [1.0]])
def test_fewer_than_two_distances_are_refused(values):
    with pytest.raises(ValueError, match=f"at least 2 distances, not {len(values)}"):
        mean_and_variance(values)


def test_the_variance_estimate_is_unbiased():
    # 20,000 samples of 10 exponential variates: Var(mean) = 1/10. The standard deviation of
    # s^2 / n is 0.1 sqrt((kurtosis - (n - 3) / (n - 1)) / n) = 0.091 for kurtosis 9, so the
    # average of 20,000 has standard error 0.00064; four of those are allowed.
    samples = np.random.default_rng(5).exponential(size=(20_000, 10))
    estimates = np.array([mean_and_variance(sample) for sample in samples])
    assert estimates[:, 1].mean() == pytest.approx(0.1, abs=4 * 0.00064)
    assert estimates[:, 0].var() == pytest.approx(0.1, rel=0.05)


def symmetric(n: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).lognormal(size=(n, n))
    return values + values.T


def jackknife(kernel: np.ndarray) -> tuple[float, float]:
    """Leave each sample out in turn; the definition, at O(n^3)."""
    n = len(kernel)

    def over_pairs(h: np.ndarray) -> float:
        return float(h[~np.eye(len(h), dtype=bool)].mean())

    left_out = [over_pairs(np.delete(np.delete(kernel, i, axis=0), i, axis=1)) for i in range(n)]
    return over_pairs(kernel), (n - 1) / n * float(
        np.square(np.array(left_out) - np.mean(left_out)).sum()
    )


@given(n=st.integers(3, 12), seed=st.integers(0, 2**16))
def test_the_closed_form_is_the_jackknife_by_brute_force(n, seed):
    kernel = symmetric(n, seed)
    assert pair_mean_and_variance(kernel) == pytest.approx(jackknife(kernel), rel=1e-9)


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=12))
def test_half_the_squared_difference_estimates_the_variance(values):
    kernel = kernel_matrix(values, lambda x, y: (x - y) ** 2 / 2)
    expected = np.var(values, ddof=1)
    assert pair_mean_and_variance(kernel)[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_kernel_that_adds_up_has_the_variance_of_twice_the_mean():
    # h(x, y) = x + y has U = 2 mean, whose jackknife variance is 4 s^2 / n exactly.
    values = np.array([1.0, 2.0, 6.0, 7.0, 9.5])
    mean, variance = mean_and_variance(values)
    found = pair_mean_and_variance(values[:, None] + values[None, :])
    assert found == pytest.approx((2 * mean, 4 * variance))


def test_the_jackknife_variance_is_that_of_the_estimates_and_rather_above():
    # The sample variance of n = 20 normal draws has variance 2 / 19 = 0.1053. 5,000 estimates of
    # it: the average jackknife variance has a standard error of about 0.001.
    rng = np.random.default_rng(9)
    samples = rng.standard_normal((5000, 20))
    kernels = np.square(samples[:, :, None] - samples[:, None, :]) / 2
    found = np.array([pair_mean_and_variance(kernel) for kernel in kernels])
    assert found[:, 0].mean() == pytest.approx(1.0, abs=4 * math.sqrt(0.1053 / 5000))
    assert found[:, 0].var() == pytest.approx(2 / 19, rel=0.1)
    assert found[:, 1].mean() + 0.004 >= 2 / 19
    assert found[:, 1].mean() <= 1.25 * 2 / 19


def test_the_diagonal_is_not_read():
    kernel = symmetric(5, seed=1)
    holed = kernel.copy()
    np.fill_diagonal(holed, np.nan)
    assert pair_mean_and_variance(holed) == pair_mean_and_variance(kernel)
    assert np.isnan(np.diag(holed)).all()


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_pair_that_is_not_finite_makes_both_infinite(bad):
    kernel = symmetric(4, seed=2)
    kernel[1, 2] = kernel[2, 1] = bad
    assert pair_mean_and_variance(kernel) == (math.inf, math.inf)


@pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 3, 3)])
def test_a_kernel_that_is_not_square_is_refused(shape):
    with pytest.raises(ValueError, match="a kernel matrix is square"):
        pair_mean_and_variance(np.ones(shape))


def test_fewer_than_three_samples_have_no_jackknife():
    with pytest.raises(ValueError, match="at least 3 samples, not 2"):
        pair_mean_and_variance(np.ones((2, 2)))


def test_a_kernel_that_is_not_symmetric_is_refused():
    with pytest.raises(ValueError, match="symmetric; this one is not"):
        pair_mean_and_variance(np.arange(9.0).reshape(3, 3))


def test_a_kernel_is_evaluated_once_a_pair():
    calls = []
    matrix = kernel_matrix([1.0, 2.0, 4.0], lambda x, y: calls.append((x, y)) or x * y)
    assert calls == [(1.0, 2.0), (1.0, 4.0), (2.0, 4.0)]
    np.testing.assert_array_equal(matrix, [[0, 2, 4], [2, 0, 8], [4, 8, 0]])
