import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoo_compress.numerics.magnitude import LARGEST_WEIGHT
from zoo_compress.numerics.uniform import (
    HALFWAY_ZERO_BELOW_BITS,
    decode_uniform,
    quantize_uniform,
)

BITS = st.integers(2, 8)
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 9))
# Whole numbers: many ties, repeats and zeros, which floats drawn at random would not bring.
WHOLE = SHAPES.flatmap(lambda shape: arrays(np.int32, shape, elements=st.integers(-300, 300)))
EXPONENTS = st.integers(-100, 100)
ROWS = (1,)


def scaled(whole: np.ndarray, exponent: int) -> np.ndarray:
    return np.ldexp(whole.astype(np.float32), exponent)


def decoded(W, *, bits, axes=ROWS) -> np.ndarray:
    return decode_uniform(quantize_uniform(W, bits=bits, axes=axes)).astype(np.float64)


def norm(difference) -> float:
    return float(np.linalg.norm(np.asarray(difference, np.float64)))


def max_abs_rounding(W, bits: int) -> np.ndarray:
    """Round each row to the symmetric grid on which its largest magnitude is exact."""
    top = (1 << (bits - 1)) - 1
    step = np.abs(W).max(axis=1, keepdims=True).astype(np.float64) / top
    return np.rint(np.divide(W, step, out=np.zeros(W.shape), where=step > 0)) * step


@given(whole=WHOLE, exponent=EXPONENTS, bits=BITS)
@settings(deadline=None)
def test_the_error_between_the_outermost_levels_is_at_most_half_a_step(whole, exponent, bits):
    W = scaled(whole, exponent)
    encoded = quantize_uniform(W, bits=bits, axes=ROWS)
    step = np.float64(encoded.scale) * encoded.factor
    ends = np.sort([-encoded.zero * step, ((1 << bits) - 1 - encoded.zero) * step], axis=0)
    nearest_end = np.clip(W, *ends)
    error = np.abs(decode_uniform(encoded) - nearest_end)
    assert (error <= (0.5 + 2**-13) * np.abs(step)).all()


@given(whole=WHOLE, exponent=EXPONENTS, bits=BITS)
@settings(deadline=None)
def test_the_squared_error_is_never_above_that_of_max_abs_rounding(whole, exponent, bits):
    W = scaled(whole, exponent)
    float16_rounding = 2**-11 * norm(W)
    assert (
        norm(decoded(W, bits=bits) - W) <= norm(max_abs_rounding(W, bits) - W) + float16_rounding
    )


def least_squared_error(W, bits: int, zero: float) -> float:
    """Try 300 steps for each row, all up to the one that clips nothing."""
    largest = np.abs(W).max(axis=1)[:, None, None]
    step = np.linspace(0.15, 1.1, 300)[:, None] * largest / zero
    codes = np.rint(W[:, None] / step + zero).clip(0, (1 << bits) - 1)
    return float(np.square((codes - zero) * step - W[:, None]).sum(axis=2).min(axis=1).sum())


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("kind", ["standard_normal", "laplace"])
def test_bell_shaped_weights_come_within_a_tenth_of_the_least_squared_error(bits, kind):
    W = getattr(np.random.default_rng(0), kind)(size=(8, 576)).astype(np.float32)
    half = 1 << (bits - 1)
    zeros = (half, half - 0.5) if bits < HALFWAY_ZERO_BELOW_BITS else (half,)
    best = min(least_squared_error(W, bits, zero) for zero in zeros)
    assert norm(decoded(W, bits=bits) - W) ** 2 <= 1.1 * best


@given(whole=WHOLE, exponent=EXPONENTS, bits=BITS)
@settings(deadline=None)
def test_a_power_of_two_changes_nothing_but_the_factor(whole, exponent, bits):
    plain = quantize_uniform(scaled(whole, 0), bits=bits, axes=ROWS)
    other = quantize_uniform(scaled(whole, exponent), bits=bits, axes=ROWS)
    np.testing.assert_array_equal(other.codes, plain.codes)
    np.testing.assert_array_equal(other.scale, plain.scale)
    if whole.any():
        assert other.factor == np.ldexp(plain.factor, exponent)


@given(whole=WHOLE, bits=BITS)
@settings(deadline=None)
def test_the_same_weights_give_the_same_bytes_in_any_memory_order(whole, bits):
    W = scaled(whole, -7)
    one, two = (quantize_uniform(w, bits=bits, axes=ROWS) for w in (W, np.asfortranarray(W)))
    for part in ("codes", "zero", "scale", "factor"):
        assert getattr(one, part).tobytes() == getattr(two, part).tobytes()


@given(whole=WHOLE, bits=BITS)
@settings(deadline=None)
def test_steps_are_float16_fractions_of_the_largest(whole, bits):
    encoded = quantize_uniform(scaled(whole, 0), bits=bits, axes=ROWS)
    assert encoded.codes.dtype == np.uint8
    assert encoded.scale.dtype == np.float16
    assert encoded.scale.shape == (len(whole), 1)
    assert np.abs(encoded.scale).max() == (1 if whole.any() else 0)
    assert encoded.factor.dtype == np.float32
    assert int(encoded.codes.max()) < 1 << bits


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("value", [0.0, 0.3, -0.3, 1e-30, -1e30, LARGEST_WEIGHT])
def test_constant_weights_come_back_exactly_up_to_a_rounding(bits, value):
    for shape in ((4, 7), (1, 1)):
        W = np.full(shape, value, np.float32)
        np.testing.assert_allclose(decoded(W, bits=bits), W, rtol=2**-22)


@pytest.mark.parametrize("bits", range(2, 9))
def test_weights_of_three_values_come_back_exactly(bits):
    W = np.random.default_rng(0).integers(-1, 2, (1, 50)) * np.float32(0.037)
    np.testing.assert_allclose(decoded(W, bits=bits), W, rtol=2**-22)


@pytest.mark.parametrize("bits", range(2, 9))
def test_a_row_of_zeros_beside_others_stays_zero(bits):
    W = np.random.default_rng(0).standard_normal((3, 40)).astype(np.float32)
    W[1] = 0
    assert not decoded(W, bits=bits)[1].any()


@pytest.mark.parametrize("bits", range(2, 9))
def test_weights_of_one_sign_use_the_extra_level_on_their_side(bits):
    W = np.abs(np.random.default_rng(0).standard_normal((1, 64))).astype(np.float32)
    for weights in (W, -W):
        assert norm(decoded(weights, bits=bits) - weights) <= norm(max_abs_rounding(W, bits) - W)
    assert norm(decoded(W, bits=bits) + decoded(-W, bits=bits)) == 0


@pytest.mark.parametrize("bits", [2, 5, 8])
def test_a_block_too_small_for_a_float16_step_becomes_zero(bits):
    W = np.array([[1, -0.5], [1e-9, -1e-9], [1e-30, 0]], np.float32)
    assert not decoded(W, bits=bits)[1:].any()


@pytest.mark.parametrize("bits", [2, 5, 8])
@pytest.mark.parametrize("largest", [1e-38, 1e-40, 1e-45])
def test_subnormal_weights_lose_no_more_than_subnormal_steps(bits, largest):
    W = (np.linspace(-1, 1, 9)[None] * largest).astype(np.float32)
    smallest_step = 2.0**-149 * (1 << bits)
    assert np.abs(decoded(W, bits=bits) - W).max() <= largest * 2.0 ** (1 - bits) + smallest_step


def test_no_weights_have_no_codes():
    assert quantize_uniform(np.zeros((0, 3), np.float32), bits=4, axes=ROWS).codes.size == 0


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_other_float_types_are_rounded_as_their_float32_values(dtype):
    W = np.random.default_rng(0).standard_normal((3, 20)).astype(dtype)
    np.testing.assert_array_equal(decoded(W, bits=5), decoded(W.astype(np.float32), bits=5))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_weights_that_are_not_finite_in_float32_are_refused(value):
    with pytest.raises(ValueError, match="weights must be finite"):
        quantize_uniform(np.array([[1.0, value]]), bits=4, axes=ROWS)


def test_weights_whose_levels_could_overflow_are_refused():
    W = np.full((1, 2), np.finfo(np.float32).max)
    with pytest.raises(ValueError, match=r"weights must be at most 1\.7e\+38, not 3\.4e\+38"):
        quantize_uniform(W, bits=4, axes=ROWS)


@pytest.mark.parametrize("bits", [1, 9])
def test_a_width_outside_two_to_eight_is_refused(bits):
    with pytest.raises(ValueError, match=f"bits must be 2 to 8, not {bits}"):
        quantize_uniform(np.ones((1, 1), np.float32), bits=bits, axes=ROWS)
