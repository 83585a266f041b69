import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_compress.numerics.packing import Plane, pack, packed_length, planes, unpack

WIDTHS = st.integers(1, 8)
COUNTS = st.integers(0, 70)


def draw(count: int, bits: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << bits, count).astype(np.uint8)


@given(bits=WIDTHS, count=COUNTS, seed=st.integers(0, 2**32))
@settings(deadline=None)
def test_any_number_of_codes_of_any_width_comes_back(bits, count, seed):
    codes = draw(count, bits, seed)
    found = unpack(pack(codes, bits), count)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, codes)


@given(bits=WIDTHS, count=COUNTS)
@settings(deadline=None)
def test_no_bit_is_lost_beyond_the_padding_to_whole_blocks_of_eight_codes(bits, count):
    used = sum(data.nbytes for data in pack(draw(count, bits), bits).values())
    assert used == (count if bits == 8 else math.ceil(count / 8) * bits)


@given(bits=WIDTHS, count=COUNTS)
@settings(deadline=None)
def test_the_lengths_are_known_before_the_codes_are(bits, count):
    for plane, data in pack(draw(count, bits), bits).items():
        assert data.dtype == np.uint8
        assert data.shape == (packed_length(count, plane, bits),)


@pytest.mark.parametrize("bits", range(1, 9))
def test_the_planes_of_a_width_cover_each_bit_once(bits):
    covered = [plane.offset + i for plane in planes(bits) for i in range(plane.width)]
    assert covered == list(range(bits))
    assert all(plane.codes_per_byte * plane.width == 8 for plane in planes(bits))


def test_the_first_codes_lie_in_the_lowest_bits_of_all_bytes():
    packed = pack(np.array([1, 0, 2, 0, 5], np.uint8), 4)[Plane(width=4, offset=0)]
    np.testing.assert_array_equal(packed, [0x51, 0, 2, 0])


def test_codes_of_three_bits_are_a_plane_of_two_and_a_plane_of_one():
    packed = pack(np.array([0b101, 0b010], np.uint8), 3)
    np.testing.assert_array_equal(packed[Plane(width=2, offset=0)], [0b01, 0b10])
    np.testing.assert_array_equal(packed[Plane(width=1, offset=2)], [0b01])


@pytest.mark.parametrize("bits", [0, 9, -1])
def test_a_width_outside_one_to_eight_is_refused(bits):
    with pytest.raises(ValueError, match=f"bits must be 1 to 8, not {bits}"):
        planes(bits)


@pytest.mark.parametrize("bits", range(1, 8))
def test_a_code_that_needs_more_bits_is_refused(bits):
    with pytest.raises(ValueError, match=f"code {1 << bits} does not fit {bits} bits"):
        pack(np.array([0, 1 << bits], np.uint8), bits)
