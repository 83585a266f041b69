import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoo_compress.numerics.kmeans import BINS, Histogram, weighted_kmeans
from zoo_compress.numerics.scalar_quantizer import nearest_level
from zoo_compress.numerics.scaled_rows import ScaledRows

# Whole numbers: many ties and repeats, which floats drawn at random would not bring.
VALUES = arrays(np.int32, st.integers(1, 60), elements=st.integers(-40, 40)).map(np.float64)
ONE = np.ones(1)


def kmeans(x, weights=ONE, *, entries, **start) -> np.ndarray:
    return weighted_kmeans(histogram(x, weights), entries=entries, **start)


def histogram(x, weights=ONE, low=None, high=None) -> Histogram:
    low = x.min(initial=0) if low is None else low
    high = x.max(initial=0) if high is None else high
    rows = ScaledRows(np.float32(x)[None], np.float32(np.broadcast_to(weights, x.shape))[None])
    return rows.histogram(np.ones(1, np.float32), low, high)[0]


def error(x, centres, weights=ONE) -> float:
    return float(np.sum(weights * np.abs(x[:, None] - centres).min(axis=1) ** 2))


def least_error(x, entries: int) -> float:
    """Return the least squared error of any centres, by dynamic programming (O(k n^2))."""
    x = np.sort(x)
    first, second = (np.concatenate([[0], np.cumsum(x**p)]) for p in (1, 2))
    low, high = np.triu_indices(len(x) + 1, 1)
    cost = np.full((len(x) + 1,) * 2, np.inf)
    cost[low, high] = second[high] - second[low] - (first[high] - first[low]) ** 2 / (high - low)
    best = np.full(len(x) + 1, np.inf)
    best[0] = 0
    for _ in range(entries):
        best = np.minimum(best, (best[:, None] + cost).min(axis=0))
    return float(best[-1])


@given(x=VALUES, entries=st.integers(1, 20))
def test_centres_are_ascending_and_among_the_values(x, entries):
    centres = kmeans(x, entries=entries)
    assert centres.shape == (entries,)
    assert (np.diff(centres) >= 0).all()
    assert x.min() - 1e-9 <= centres[0] <= centres[-1] <= x.max() + 1e-9


@given(x=VALUES, spare=st.integers(0, 3))
def test_as_many_centres_as_values_meet_them_exactly(x, spare):
    centres = kmeans(x, entries=len(np.unique(x)) + spare)
    assert error(x, centres) == pytest.approx(0, abs=1e-18)


@given(x=VALUES, entries=st.integers(1, 8))
def test_each_centre_is_the_mean_of_the_values_nearest_to_it(x, entries):
    centres = kmeans(x, entries=entries)
    codes = nearest_level(centres).codes(x)
    for code in np.unique(codes):
        # A value next to the middle of two centres may count for either.
        if np.abs(x - (centres[:-1, None] + centres[1:, None]) / 2).min(initial=1) > 1e-3:
            assert centres[code] == pytest.approx(x[codes == code].mean(), abs=0.2 / BINS * 80)


@given(x=VALUES, entries=st.integers(1, 6), data=st.data())
def test_a_weight_counts_as_that_many_values(x, entries, data):
    weights = data.draw(arrays(np.int32, x.shape, elements=st.integers(0, 3)))
    repeated = np.repeat(x, weights)
    centres = kmeans(x, weights, entries=entries)
    if repeated.size:
        low, high = x.min(initial=0), x.max(initial=0)
        expected = weighted_kmeans(histogram(repeated, low=low, high=high), entries=entries)
        np.testing.assert_allclose(centres, expected, atol=1e-9)
    else:
        assert not centres.any()


@pytest.mark.parametrize("kind", ["standard_normal", "laplace", "standard_cauchy"])
@pytest.mark.parametrize("entries", [2, 4, 8, 16])
def test_the_error_is_within_a_tenth_of_the_least_possible(kind, entries):
    x = getattr(np.random.default_rng(0), kind)(size=300)
    assert error(x, kmeans(x, entries=entries)) <= 1.1 * least_error(x, entries)


def test_a_start_is_improved_not_replaced():
    x = np.random.default_rng(0).standard_normal(2000)
    start = np.array([-2.0, -1.9, -1.8, 3.0])
    centres = kmeans(x, entries=4, start=start)
    assert error(x, centres) < error(x, start)


@pytest.mark.parametrize("entries", [1, 5])
def test_nothing_to_fit_gives_zeros(entries):
    np.testing.assert_array_equal(kmeans(np.zeros(0), entries=entries), np.zeros(entries))
    np.testing.assert_array_equal(
        kmeans(np.ones(3), np.zeros(3), entries=entries), np.zeros(entries)
    )
