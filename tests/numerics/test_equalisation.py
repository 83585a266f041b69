import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.numerics.equalisation import LARGEST_SCALE, even_scales, reading


def scales_of(weight, free=None):
    """Return the scales of the columns of a weight, each a channel of its own."""
    count = weight.shape[1]
    everything = np.ones(count, bool) if free is None else free
    return even_scales([reading(weight, np.arange(count))], everything)


def rounding_error(weight, scales):
    """Return what the scales are to make small, by its definition."""
    fourth = np.square(np.square(weight * scales)).sum(axis=1)
    return np.mean(np.log(np.sqrt(fourth))) + np.log(np.sum(scales**-2.0))


@pytest.fixture
def uneven():
    """Return a weight whose columns are powers of two apart, and these."""
    rng = np.random.default_rng(0)
    spread = np.exp2(rng.integers(-3, 4, 24))
    return rng.standard_normal((48, 24)) * spread, spread


def test_columns_that_are_powers_of_two_apart_come_closer(uneven):
    weight, spread = uneven
    even = spread * scales_of(weight)
    assert np.log2(even).std() < 0.45 * np.log2(spread).std()


def test_the_error_that_they_are_to_make_small_is_less_than_without(uneven):
    weight, _ = uneven
    scales = scales_of(weight)
    assert rounding_error(weight, scales) < rounding_error(weight, np.ones(24)) - 0.2
    for column in range(24):
        for factor in (0.7, 1.4):
            changed = scales.copy()
            changed[column] *= factor
            assert rounding_error(weight, scales) < rounding_error(weight, changed)


def test_scales_stay_within_their_bounds():
    spread = np.geomspace(1e-6, 1e6, 30)
    scales = scales_of(np.random.default_rng(1).standard_normal((8, 30)) * spread)
    assert scales.min() >= 1 / LARGEST_SCALE
    assert scales.max() <= LARGEST_SCALE


def test_an_even_weight_stays_as_it_is():
    assert scales_of(np.ones((5, 7))) == pytest.approx(np.ones(7))


@given(st.integers(0, 2**32 - 1))
def test_the_size_of_a_row_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((9, 6)) * np.exp2(rng.integers(-3, 4, 6))
    rows = np.exp2(rng.integers(-20, 20, (9, 1)))
    assert scales_of(weight) == pytest.approx(scales_of(weight * rows), rel=1e-4)


def test_channels_that_are_not_free_keep_a_scale_of_one(uneven):
    free = np.arange(24) % 2 == 0
    scales = scales_of(uneven[0], free)
    assert np.array_equal(scales[~free], np.ones(12))
    assert (scales[free] != 1).any()


def test_a_weight_that_reads_one_channel_alone_says_nothing():
    single = reading(np.array([[3.0], [5.0]]), np.zeros(1, np.int64))
    assert np.array_equal(even_scales([single], np.ones(2, bool)), np.ones(2))


def test_two_weights_that_read_the_same_channels_agree_on_scales_between_theirs(uneven):
    weight, _ = uneven
    flat = np.random.default_rng(2).standard_normal((48, 24))
    channels = np.arange(24)
    both = even_scales([reading(weight, channels), reading(flat, channels)], np.ones(24, bool))
    alone = scales_of(weight)
    ratio = np.polyfit(np.log2(alone), np.log2(both), 1)[0]
    assert 0.1 < ratio < 0.6


def test_columns_of_one_channel_count_together():
    weight = np.array([[8.0, 0.0, 1.0, 1.0]] * 3)
    found = reading(weight, np.array([4, 4, 2, 2]))
    assert np.array_equal(found.channels, [2, 4])
    assert np.allclose(found.powers, [[2 * 8.0**-4, 1.0]] * 3)


@pytest.mark.parametrize("weight", [np.zeros((4, 3)), np.eye(3), np.zeros((0, 3))])
def test_rows_and_columns_of_zeros_leave_finite_scales(weight):
    scales = scales_of(weight)
    assert np.isfinite(scales).all()
    assert (scales > 0).all()
