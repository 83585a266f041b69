import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.numerics.nbits import (
    block_codes,
    block_count,
    block_scales,
    decode_blocks,
    packed_blocks,
    unpacked_blocks,
)

BITS = st.sampled_from([4, 8])
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 70))
SIZES = st.sampled_from([32, 64])
both = pytest.mark.parametrize("bits", [4, 8])


def drawn(*shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def quantized(W, bits, size=32, **more):
    scale = block_scales(W, bits=bits, block_size=size, **more)
    return block_codes(W, scale, bits=bits, block_size=size)


def squared_error(W, bits, size, **more) -> float:
    return float(np.square(decode_blocks(quantized(W, bits, size, **more)) - W).sum())


def assert_rounded(W, found) -> None:
    """Check that weights have the nearest level, or an outermost one where clipped."""
    half = 1 << (found.bits - 1)
    levels = np.divide(W, found.step, where=found.step != 0, out=np.zeros_like(W))
    inside = (found.step != 0) & (levels >= -half) & (levels <= half - 1)
    error = np.abs(decode_blocks(found) - W)
    assert (error <= (0.5 + 2**-13) * np.abs(found.step))[inside].all()
    # The smallest of the clip fractions is 0.7.
    assert error.max() <= 0.301 * np.abs(W).max() or not found.scale.all()


@given(shape=SHAPES, bits=BITS, size=SIZES, exponent=st.integers(-120, 120))
def test_weights_between_the_outermost_levels_are_off_by_half_a_step(shape, bits, size, exponent):
    W = np.ldexp(drawn(*shape), exponent)
    found = quantized(W, bits, size)
    assert found.codes.shape == (shape[0], block_count(shape[1], size), size)
    assert_rounded(W, found)


@both
@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_weight_is_kept_where_all_others_are_zero(bits, sign):
    W = np.zeros((1, 32), np.float32)
    W[0, 5] = sign * 3.0
    np.testing.assert_allclose(decode_blocks(quantized(W, bits)), W, rtol=1e-6)


@both
@pytest.mark.parametrize("value", [0.0, 1.5, -0.75])
def test_constant_weights_come_back(bits, value):
    W = np.full((3, 45), value, np.float32)
    np.testing.assert_allclose(decode_blocks(quantized(W, bits)), W, rtol=1e-6)


@both
def test_a_block_of_zeros_beside_others_stays_zero(bits):
    W = drawn(2, 96)
    W[:, 32:64] = 0
    decoded = decode_blocks(quantized(W, bits))
    assert not decoded[:, 32:64].any()
    assert decoded[:, :32].any()


@both
def test_the_weights_of_one_block_do_not_depend_on_another(bits):
    W = drawn(1, 96)
    other = W.copy()
    other[:, 64:] *= 1000
    found, changed = (decode_blocks(quantized(w, bits)) for w in (W, other))
    np.testing.assert_array_equal(found[:, :64], changed[:, :64])


@both
@pytest.mark.parametrize("size", [32, 128])
def test_the_chosen_steps_leave_less_error_than_the_symmetric_grid(bits, size):
    W = drawn(64, 256)
    largest = np.abs(W.reshape(64, -1, size)).max(axis=2)
    plain = block_codes(W, largest / ((1 << (bits - 1)) - 1), bits=bits, block_size=size)
    error = float(np.square(decode_blocks(plain) - W).sum())
    assert squared_error(W, bits, size) < {4: 0.8, 8: 0.97}[bits] * error


def test_clipping_pays_at_4_bits():
    W = drawn(64, 256)
    extreme = W.reshape(64, -1, 128)
    place = np.abs(extreme).argmax(axis=2, keepdims=True)
    scale = np.take_along_axis(extreme, place, axis=2)[:, :, 0] / -8
    unclipped = decode_blocks(block_codes(W, scale, bits=4, block_size=128))
    assert squared_error(W, 4, 128) < 0.95 * float(np.square(unclipped - W).sum())


@both
def test_smaller_blocks_leave_less_error(bits):
    W = drawn(64, 256)
    errors = [squared_error(W, bits, size) for size in (32, 64, 128)]
    assert errors == sorted(errors)


@both
def test_importance_moves_the_error_to_weights_that_matter_less(bits):
    W = drawn(64, 256)
    importance = np.random.default_rng(1).exponential(1, 256).astype(np.float32) ** 3
    errors = [
        float((importance * np.square(decode_blocks(found) - W)).sum())
        for found in (quantized(W, bits, 128), quantized(W, bits, 128, importance=importance))
    ]
    assert errors[1] < 0.98 * errors[0]


@both
def test_importance_that_is_the_same_for_all_changes_nothing(bits):
    W = drawn(8, 70)
    found = block_scales(W, bits=bits, block_size=32, importance=np.full((8, 70), 0.25))
    np.testing.assert_array_equal(found, block_scales(W, bits=bits, block_size=32))


@both
@pytest.mark.parametrize("magnitude", [1e-9, 1e-4, 1.0, 3e4])
def test_steps_stored_as_float16_are_those_that_weights_are_rounded_to(bits, magnitude):
    W = drawn(4, 64).clip(-1, 1) * np.float32(magnitude)
    found = quantized(W, bits, dtype=np.float16)
    assert found.scale.dtype == np.float16
    assert np.isfinite(found.scale).all()
    assert bool(found.scale.any()) == (magnitude > 1e-8)
    assert_rounded(W, found)


@both
@pytest.mark.parametrize("magnitude", [1e-44, 1e-38, 1.7e38])
def test_weights_of_any_magnitude_decode_to_finite_numbers(bits, magnitude):
    W = drawn(4, 64).clip(-1, 1) * np.float32(magnitude)
    error = np.abs(decode_blocks(quantized(W, bits)) - W).max()
    assert error <= max(0.3 * magnitude, 1e-45 * (1 << bits))


@given(bits=BITS, rows=st.integers(1, 4), blocks=st.integers(1, 3), seed=st.integers(0, 2**32))
def test_codes_come_back_from_their_bytes(bits, rows, blocks, seed):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 1 << bits, (rows, blocks, 32)).astype(np.uint8)
    packed = packed_blocks(codes, bits)
    assert packed.shape == (rows, blocks, 32 * bits // 8)
    np.testing.assert_array_equal(unpacked_blocks(packed, bits), codes)


def test_the_first_of_two_codes_lies_in_the_low_bits():
    codes = np.zeros((1, 1, 32), np.uint8)
    codes[0, 0, :3] = 1, 2, 3
    np.testing.assert_array_equal(packed_blocks(codes, 4)[0, 0, :3], [0x21, 0x03, 0])


@pytest.mark.parametrize("bits", [2, 3, 16])
def test_other_widths_are_refused(bits):
    with pytest.raises(ValueError, match=f"bits must be 4 or 8, not {bits}"):
        block_scales(drawn(2, 32), bits=bits, block_size=32)
    with pytest.raises(ValueError, match=f"bits must be 4 or 8, not {bits}"):
        packed_blocks(np.zeros((1, 1, 32), np.uint8), bits)
