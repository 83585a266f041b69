from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.numerics.histogram import BINS, HistogramSums

NUMBERS = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50)


def sums_of(*parts, most=1 << 20) -> HistogramSums:
    sums = HistogramSums()
    for part in parts:
        sums.add(np.asarray(part, np.float32), most=most)
    return sums


@given(st.lists(NUMBERS, min_size=1, max_size=4))
def test_every_number_is_counted_once_within_half_a_bin(parts):
    found = sums_of(*parts).histogram()
    values = np.sort(np.concatenate([np.asarray(part, np.float32) for part in parts]))
    assert found.low == values[0]
    assert found.high == values[-1]
    assert found.counts.sum() == len(values)
    counted = np.repeat(found.centres, found.counts.astype(int))
    assert np.abs(counted - values).max() <= 0.5 * found.width * (1 + 1e-9)


def test_a_range_that_grows_gives_what_one_known_beforehand_gives():
    small, large = np.linspace(-1, 1, 1000), np.linspace(-100, 100, 1000)
    grown, known = sums_of(small, large).histogram(), sums_of(large, small).histogram()
    np.testing.assert_array_equal(grown.centres, known.centres)
    np.testing.assert_array_equal(grown.counts, known.counts)
    assert grown.width == known.width == 2 * 128 / BINS


def test_of_many_numbers_evenly_spaced_ones_are_counted_but_all_are_looked_at_for_the_ends():
    values = np.zeros(1000)
    values[1], values[2] = -3, 5
    found = sums_of(values, most=100).histogram()
    assert found.counts.sum() == 100
    assert (found.low, found.high) == (-3, 5)


def test_nothing_gives_no_histogram():
    assert HistogramSums().histogram() is None
    assert sums_of([]).histogram() is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match="NaN or infinity"):
        sums_of([0, bad])


def test_the_power_is_the_mean_square():
    values = np.random.default_rng(0).standard_normal(10_000)
    assert sums_of(values).histogram().power == pytest.approx(np.square(values).mean(), rel=1e-3)
