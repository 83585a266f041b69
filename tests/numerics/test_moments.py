import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_compress.numerics.feedback import feedback_factor
from zoo_compress.numerics.moments import InputMoments, MomentSums, shrinkage


def drawn(groups, rows, length, *, seed=0) -> np.ndarray:
    """Return correlated rows with means and powers of their own, shape (G, P, K)."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((groups, rows, length)) @ rng.standard_normal((length, length))
    return ((mixed + rng.standard_normal(length)) * rng.exponential(1, length)).astype(np.float32)


def sums(*parts) -> MomentSums:
    found = MomentSums()
    for part in parts:
        found.add(part)
    return found


def halved(rows) -> list[np.ndarray]:
    """Return the covariances of rows that are samples of their own, every other one apart."""
    return [covariances(rows[:, ::2]), covariances(rows[:, 1::2])]


def covariances(rows) -> np.ndarray:
    return np.stack([np.atleast_2d(np.cov(x.T.astype(np.float64), bias=True)) for x in rows])


def correlations(rows) -> np.ndarray:
    C = covariances(rows)
    deviation = np.sqrt(np.diagonal(C, axis1=1, axis2=2))
    return C / deviation[:, :, None] / deviation[:, None, :]


def assert_close(found, expected, tolerance):
    """Compare to a share of the largest entry."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_of_many_rows_moments_are_the_mean_and_the_covariance():
    rows = drawn(2, 20_000, 6)
    found = sums(rows).moments()
    np.testing.assert_allclose(found.mean, rows.mean(axis=1), atol=1e-5)
    assert_close(found.covariance, covariances(rows), 2e-3)
    gram = rows.swapaxes(1, 2).astype(np.float64) @ rows / rows.shape[1]
    assert_close(found.gram, gram, 2e-3)
    assert found.mean.dtype == found.covariance.dtype == found.gram.dtype == np.float32


@given(
    groups=st.integers(1, 3),
    count=st.integers(4, 40),
    length=st.integers(1, 9),
    seed=st.integers(0, 999),
)
@settings(max_examples=50)
def test_only_what_lies_off_the_diagonal_is_shrunk(groups, count, length, seed):
    rows = drawn(groups, count, length, seed=seed)
    found, C = sums(rows).moments(), covariances(rows)
    share = shrinkage(*halved(rows))[:, None, None]
    off = 1 - np.eye(length)
    np.testing.assert_allclose(found.mean, rows.mean(axis=1), atol=1e-5)
    assert_close(found.covariance, C * (1 - share * off), 1e-3)


@given(cuts=st.lists(st.integers(1, 59), max_size=5))
def test_the_cut_between_samples_decides_how_far_correlations_shrink_and_nothing_else(cuts):
    rows = drawn(2, 60, 5)
    parts = np.split(rows, sorted(set(cuts)), axis=1)
    found, expected = sums(*parts).moments(), sums(rows).moments()
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-5)
    diagonals = [np.diagonal(m.covariance, axis1=1, axis2=2) for m in (found, expected)]
    np.testing.assert_allclose(*diagonals, rtol=1e-4)
    ratios = [m.covariance / covariances(rows) for m in (found, expected)]
    for ratio in (*ratios[0], *ratios[1]):
        off = ratio[~np.eye(5, dtype=bool)]
        np.testing.assert_allclose(off, off[0], rtol=2e-2)


def test_rows_that_repeat_within_a_sample_are_taken_for_no_more_than_one():
    rows = drawn(1, 80, 30)
    repeated = [np.repeat(rows[:, i : i + 1], 50, axis=1) for i in range(80)]
    found = sums(*repeated).moments().covariance
    expected = sums(*np.split(rows, 80, axis=1)).moments().covariance
    # They differ in the first sample alone, of which both halves get rows.
    assert_close(found, expected, 3e-2)


def test_float16_rows_are_added_up_in_more_digits():
    rows = drawn(1, 4000, 3).astype(np.float16)
    found = sums(rows * np.float16(100)).moments()
    expected = sums(rows.astype(np.float32) * 100).moments()
    assert_close(found.covariance, expected.covariance, 1e-2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_leaves_no_moments(value):
    rows = drawn(2, 50, 4)
    rows[1, 30, 2] = value
    assert sums(drawn(2, 10, 4), rows, drawn(2, 10, 4)).moments() is None


def test_squares_that_float32_cannot_hold_leave_no_moments():
    assert sums(drawn(1, 50, 4) * np.float32(1e30)).moments() is None


def test_no_rows_leave_no_moments():
    assert MomentSums().moments() is None
    assert sums(np.empty((2, 0, 4), np.float32)).moments() is None


def test_one_row_has_no_covariance():
    row = np.array([[[1, -2, 0.5]]], np.float32)
    found = sums(row).moments()
    np.testing.assert_array_equal(found.mean, row[0])
    np.testing.assert_array_equal(found.covariance, 0)


@pytest.mark.parametrize("count", [1, 37, 1000])
def test_rows_that_are_all_the_same_have_no_covariance(count):
    rows = np.broadcast_to(drawn(1, 1, 64), (1, count, 64))
    found = sums(rows, rows).moments()
    np.testing.assert_array_equal(found.covariance, 0)
    assert np.isfinite(found.covariance_factor.upper).all()


@pytest.mark.parametrize("offset", [10.0, 1000.0])
def test_rows_far_from_zero_keep_their_variance(offset):
    rows = (offset + 1e-4 * offset * drawn(1, 2000, 16)).astype(np.float32)
    found = sums(rows[:, :700], rows[:, 700:]).moments()
    # float32 holds these rows to about a thousandth of their deviation.
    assert_close(found.covariance, covariances(rows), 5e-3)
    assert np.isfinite(found.covariance_factor.upper).all()


def test_factors_are_those_of_the_covariance_and_of_the_second_moments():
    found = sums(drawn(2, 100, 8)).moments()
    for factor, matrices in (
        (found.covariance_factor, found.covariance),
        (found.gram_factor, found.gram),
    ):
        expected = feedback_factor(matrices)
        np.testing.assert_array_equal(factor.order, expected.order)
        np.testing.assert_array_equal(factor.upper, expected.upper)


def test_second_moments_follow_from_the_others():
    mean, covariance = np.array([[1.0, 2.0]], "f"), np.array([[[3.0, 1.0], [1.0, 4.0]]], "f")
    found = InputMoments(mean=mean, covariance=covariance)
    assert found.gram.tolist() == [[[4.0, 3.0], [3.0, 8.0]]]


@given(
    count=st.integers(2, 50),
    length=st.integers(1, 12),
    seed=st.integers(0, 999),
    rank=st.booleans(),
)
def test_shares_lie_between_0_and_1(count, length, seed, rank):
    rows = drawn(3, count, length, seed=seed)
    rows[1] = rows[1, :, :1] if rank else 0
    share = shrinkage(*halved(rows))
    assert share.shape == (3,)
    assert ((share >= 0) & (share <= 1)).all()


def test_a_single_input_has_nothing_to_shrink():
    assert shrinkage(*halved(drawn(4, 10, 1))).tolist() == [0, 0, 0, 0]


def test_halves_that_agree_are_believed_and_halves_that_contradict_each_other_are_not():
    one = np.array([[[1.0, 0.5], [0.5, 1.0]]])
    other = np.array([[[1.0, -0.5], [-0.5, 1.0]]])
    assert shrinkage(one, one).tolist() == [0]
    assert shrinkage(one, other).tolist() == [1]
    assert shrinkage(one, np.eye(2)[None]).tolist() == [1]


def test_the_unit_of_an_input_does_not_change_the_share():
    rows = drawn(1, 30, 6)
    units = np.array([1e-4, 1, 1e3, 7, 1, 1e6])
    one, other = (shrinkage(*halved(x)) for x in (rows, rows * units))
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_independent_inputs_shrink_far_and_correlated_ones_hardly():
    rng = np.random.default_rng(0)
    independent = rng.standard_normal((1, 100, 50))
    same = independent[:, :, :1] + 0.1 * rng.standard_normal((1, 100, 50))
    shares = [shrinkage(*halved(x))[0] for x in (independent, same)]
    assert shares[0] > 0.9
    assert shares[1] < 0.05


@pytest.mark.parametrize("places", [1, 20])
def test_the_share_is_near_the_one_that_comes_nearest_to_the_truth(places):
    length, truth = 60, np.eye(60) + 0.3 * np.eye(60, k=1) + 0.3 * np.eye(60, k=-1)
    root, rng = np.linalg.cholesky(truth), np.random.default_rng(0)
    # Places of one sample are alike, so that twenty of them say hardly more than one.
    own, of_all = rng.standard_normal((2, 100, places, length))
    of_all[:] = of_all[:, :1]
    rows = (0.3 * own + np.sqrt(1 - 0.09) * of_all) @ root.T
    halves = [covariances(part.reshape(1, -1, length)) for part in (rows[::2], rows[1::2])]
    whole, off = (halves[0] + halves[1])[0] / 2, ~np.eye(length, dtype=bool)
    shares = np.linspace(0, 1, 101)
    best = shares[np.argmin([np.square((1 - s) * whole - truth)[off].sum() for s in shares])]
    assert shrinkage(*halves)[0] == pytest.approx(best, abs=0.1)


def test_shrinking_brings_few_rows_nearer_to_the_truth():
    length, truth = 60, np.eye(60) + 0.2 * np.eye(60, k=1) + 0.2 * np.eye(60, k=-1)
    root = np.linalg.cholesky(truth)
    rows = np.random.default_rng(0).standard_normal((20, 40, length)) @ root.T
    found = sums(*np.split(rows.astype(np.float32), 40, axis=1)).moments().covariance
    errors = [np.square(C - truth).sum() for C in (found, covariances(rows))]
    assert errors[0] < 0.5 * errors[1]
