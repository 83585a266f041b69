import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_compress.numerics import prefix_code
from zoo_compress.numerics.prefix_code import PrefixLevels, fit_prefix_levels


def gaussian(channels=24, length=200, *, seed=3):
    W = np.random.default_rng(seed).standard_normal((channels, length)).astype(np.float32)
    return W / np.abs(W).max()


def decoded(W, levels, step):
    units = np.divide(W, step[:, None], out=np.zeros_like(W), where=step[:, None] != 0)
    codes = np.searchsorted(levels.edges, units)
    return levels.all[codes] * step[:, None], levels.is_long[codes]


@pytest.mark.parametrize(("short", "further", "share"), [(2, 2, 0.25), (3, 3, 0.1), (4, 4, 0.1)])
def test_levels_of_two_kinds_have_less_error_than_one_kind_of_as_many_bits(short, further, share):
    W = gaussian()
    levels, step = fit_prefix_levels(W, short_bits=short, further_bits=further, share=share)
    dense, long = decoded(W, levels, step)
    error = float(np.mean((dense - W) ** 2) / np.mean(W**2))
    # The least error of a Gaussian at 2, 3, 4 and 5 bits with codes of one length (Max, 1960).
    bits = short + share * further
    fixed = np.exp(np.interp(bits, [2, 3, 4, 5], np.log([0.1175, 0.03454, 0.009497, 0.002499])))
    assert error < 0.87 * fixed
    assert long.mean() == pytest.approx(share, abs=0.02)


@given(
    channels=st.integers(1, 5),
    length=st.integers(1, 40),
    short=st.integers(1, 4),
    further=st.integers(1, 4),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_levels_are_float16_numbers_in_order_and_keep_their_numbers(
    channels, length, short, further, share, seed
):
    rng = np.random.default_rng(seed)
    W = rng.laplace(size=(channels, length)).astype(np.float32)
    W[rng.random(channels) < 0.3] = 0
    W /= max(float(np.abs(W).max()), 1.0)
    levels, step = fit_prefix_levels(W, short_bits=short, further_bits=further, share=share)
    assert len(levels.short) == (1 << short) - 1
    assert len(levels.long) == 1 << further
    assert (np.diff(levels.all) >= 0).all()
    assert (np.diff(levels.edges) >= 0).all()
    np.testing.assert_array_equal(levels.all, levels.all.astype(np.float16))
    own = np.where(levels.is_long, levels.long[levels.numbers % (1 << further)], levels.all)
    np.testing.assert_array_equal(own, levels.all)
    assert not step[~W.any(axis=1)].any()
    assert np.isfinite(step).all()


@pytest.mark.parametrize(("short", "further"), [(2, 2), (4, 4)])
def test_many_weights_have_no_more_error_for_fits_that_begin_with_some(
    monkeypatch, short, further
):
    W = gaussian(300, 5 * prefix_code.FIRST // 300)
    errors = []
    for first in (prefix_code.FIRST, W.size):
        monkeypatch.setattr(prefix_code, "FIRST", first)
        levels, step = fit_prefix_levels(W, short_bits=short, further_bits=further, share=0.1)
        errors.append(float(np.mean((decoded(W, levels, step)[0] - W) ** 2)))
    assert errors[0] < 1.003 * errors[1]


def test_levels_of_long_codes_leave_no_gap_unused():
    levels, _ = fit_prefix_levels(gaussian(), short_bits=2, further_bits=3, share=0.2)
    assert (np.abs(levels.long) >= levels.cut).all()
    assert (np.abs(levels.short) <= levels.cut).all()


def test_weights_on_one_side_get_all_long_codes_there():
    W = np.abs(gaussian())
    levels, _ = fit_prefix_levels(W, short_bits=2, further_bits=2, share=0.25)
    assert (levels.long > 0).all()


def test_the_nearest_short_level_is_found_for_every_level():
    levels = PrefixLevels(
        short=np.float32([-0.25, 0.0, 0.25]), long=np.float32([-1, -0.5, 0.5, 1]), cut=0.4
    )
    found = levels.all[levels.nearest_short(np.arange(7))]
    np.testing.assert_array_equal(found, np.float32([-0.25, -0.25, -0.25, 0, 0.25, 0.25, 0.25]))


def test_the_cut_decides_between_kinds_and_the_middle_within_one():
    levels = PrefixLevels(
        short=np.float32([-0.25, 0.0, 0.25]), long=np.float32([-1, -0.5, 0.5, 1]), cut=0.4
    )
    np.testing.assert_array_equal(
        levels.edges, np.float32([-0.75, -0.4, -0.125, 0.125, 0.4, 0.75])
    )
