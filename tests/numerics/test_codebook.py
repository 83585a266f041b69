import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoo_compress.numerics.codebook import fit_codebook
from zoo_compress.numerics.scalar_quantizer import nearest_level
from zoo_compress.numerics.uniform import decode_uniform, quantize_uniform

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 9))
WHOLE = SHAPES.flatmap(lambda shape: arrays(np.int32, shape, elements=st.integers(-128, 128)))
ENTRIES = st.sampled_from([2, 3, 4, 7, 16, 100, 256])


def unit(whole) -> np.ndarray:
    return (whole / 128).astype(np.float32)


def decode(W, centres, step) -> np.ndarray:
    steps = step[:, None]
    units = np.divide(W, steps, out=np.zeros_like(W), where=steps != 0)
    return centres[nearest_level(centres).codes(units)] * steps


def squared_error(W, **known) -> float:
    return float(np.square(decode(W, *fit_codebook(W, **known)) - W).sum())


@given(whole=WHOLE, entries=ENTRIES)
def test_centres_are_ascending_and_steps_finite(whole, entries):
    W = unit(whole)
    centres, step = fit_codebook(W, entries=entries)
    assert centres.shape == (entries,)
    assert step.shape == W.shape[:1]
    assert (np.diff(centres) >= 0).all()
    assert np.abs(centres).max() == (1 if W.any() else 0)
    assert np.isfinite(step).all()


@given(whole=WHOLE, entries=ENTRIES)
def test_channels_of_zeros_stay_zeros(whole, entries):
    W = unit(whole)
    W[0] = 0
    centres, step = fit_codebook(W, entries=entries)
    assert step[0] == 0
    assert not decode(W, centres, step)[0].any()


@given(whole=WHOLE, entries=ENTRIES)
def test_the_error_is_less_than_the_weights(whole, entries):
    W = unit(whole)
    assert squared_error(W, entries=entries) <= 1e-9 + np.square(W).sum()


@given(
    pattern=arrays(np.int32, st.integers(0, 7), elements=st.integers(-127, 127)),
    scales=arrays(np.int32, st.integers(1, 5), elements=st.integers(-64, 64)),
)
def test_channels_that_are_multiples_of_few_values_are_met_exactly(pattern, scales):
    # One of them is the largest: it decides which way round a channel is.
    W = (np.outer(scales, [*pattern, 128]) / (64 * 128)).astype(np.float32)
    assert squared_error(W, entries=8) <= 1e-10 * max(np.square(W).sum(), 1e-30)


@pytest.mark.parametrize("kind", ["standard_normal", "laplace"])
@pytest.mark.parametrize("shape", [(32, 9), (64, 144), (8, 1024)])
@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_the_error_is_below_that_of_uniform_codes_of_as_many_bits(kind, shape, bits):
    rng = np.random.default_rng(0)
    W = getattr(rng, kind)(size=shape) * np.exp(rng.standard_normal((shape[0], 1)))
    W = (W / np.abs(W).max()).astype(np.float32)
    grid = decode_uniform(quantize_uniform(W, bits=bits, axes=(1,)))
    assert squared_error(W, entries=1 << bits) < np.square(grid - W).sum()


def test_more_centres_leave_less_error():
    W = np.random.default_rng(0).laplace(size=(16, 200)).astype(np.float32) / 20
    errors = [squared_error(W, entries=entries) for entries in (2, 3, 4, 6, 8, 16, 64, 256)]
    assert errors == sorted(errors, reverse=True)


def test_weights_of_no_importance_have_no_influence():
    rng = np.random.default_rng(0)
    W = rng.standard_normal((6, 50)).astype(np.float32) / 10
    importance = (rng.random(W.shape) < 0.5).astype(np.float32)
    other = np.where(importance > 0, W, np.float32(1)).astype(np.float32)
    for one, another in zip(
        fit_codebook(W, entries=8, importance=importance),
        fit_codebook(other, entries=8, importance=importance),
        strict=True,
    ):
        np.testing.assert_array_equal(one, another)


def test_many_channels_are_fitted_as_few_are():
    """More weights than one block holds."""
    W = np.random.default_rng(0).standard_normal((40, 5000)).astype(np.float32) / 10
    error = squared_error(W, entries=16) / np.square(W).sum()
    # The least error of 16 levels for Gaussian numbers (Max 1960, table I) is 0.0095.
    assert error == pytest.approx(0.0095, rel=0.03)


@pytest.mark.parametrize("entries", [-1, 0, 1, 257])
def test_other_numbers_of_centres_are_refused(entries):
    with pytest.raises(ValueError, match=f"entries must be 2 to 256, not {entries}"):
        fit_codebook(np.zeros((2, 2), np.float32), entries=entries)
