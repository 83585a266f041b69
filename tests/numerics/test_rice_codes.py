import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.numerics.rice_codes import (
    CODES,
    FEWEST_COLUMNS,
    LARGEST,
    LARGEST_QUOTIENT,
    NO_CODE,
    WORD,
    best_codes,
    bits_taken,
    expected_codes,
    number_bits,
    packed_quotients,
    packed_remainders,
    pairs,
    reach,
    symbols,
)


def normal(deviation, shape=(2, 300, 100), *, seed=0):
    rounded = np.rint(np.random.default_rng(seed).standard_normal(shape) * deviation)
    return rounded.clip(-LARGEST, LARGEST).astype(np.int8)


def fewest(coded):
    return bits_taken(coded).min(axis=0)


def test_every_pair_has_a_symbol_and_every_symbol_its_pair():
    numbers = np.random.default_rng(1).integers(-LARGEST, LARGEST + 1, (2, 500, 3))
    np.testing.assert_array_equal(pairs()[symbols(numbers)], np.moveaxis(numbers, 0, 2))
    assert len(pairs()) == (2 * LARGEST + 1) ** 2


def test_pairs_with_a_smaller_sum_of_squares_come_first():
    sums = np.square(pairs().astype(int)).sum(axis=1)
    assert (np.diff(sums) >= 0).all()
    np.testing.assert_array_equal(pairs()[:3], [[0, 0], [-1, 0], [0, -1]])


@pytest.mark.parametrize(
    ("deviation", "most"), [(0.5, 0.21), (0.8, 0.08), (1.5, 0.05), (3, 0.05), (9, 0.05)]
)
def test_the_best_code_takes_little_more_than_the_entropy_of_rounded_normal_numbers(
    deviation, most
):
    numbers = normal(deviation)
    counts = np.bincount(numbers.reshape(-1).astype(int) + LARGEST)
    shares = counts[counts > 0] / numbers.size
    entropy = -float(np.sum(shares * np.log2(shares)))
    taken = fewest(symbols(numbers)).sum() / numbers.size
    assert entropy - 0.01 <= taken < entropy + most


def test_codes_of_columns_take_few_bits_and_fill_words():
    numbers = np.concatenate([normal(d, (2, 64, 30), seed=7) for d in (0.3, 1.2, 5.0)], axis=2)
    taken = bits_taken(symbols(numbers))
    chosen = best_codes(taken)
    assert chosen.sum() % WORD == 0
    assert chosen[:30].mean() < chosen[30:60].mean() < chosen[60:].mean()
    assert taken[chosen, np.arange(90)].sum() <= 1.002 * taken.min(axis=0).sum()


@given(st.integers(FEWEST_COLUMNS, 20), st.integers(0, 99), st.integers(1, len(pairs())))
def test_codes_of_few_columns_hold_what_is_in_them_and_fill_words(columns, seed, largest):
    coded = np.random.default_rng(seed).integers(0, largest, (5, columns))
    chosen = best_codes(bits_taken(coded))
    assert chosen.sum() % WORD == 0 < chosen.sum()
    assert (coded >> chosen <= LARGEST_QUOTIENT).all()


def test_a_column_with_one_large_number_takes_a_code_that_has_it():
    coded = np.zeros((500, 8), np.int64)
    coded[7, 0] = len(pairs()) - 1
    assert bits_taken(coded)[0, 0] >= NO_CODE
    chosen = best_codes(bits_taken(coded))
    assert coded[7, 0] >> chosen[0] <= LARGEST_QUOTIENT


def test_wider_numbers_are_expected_to_take_wider_codes():
    near = expected_codes(np.array([0.0, 1.0, 2.0, 4.0]), np.zeros(4))
    np.testing.assert_array_equal(near, [0, 2, 4, 6])
    best = np.argmin(bits_taken(symbols(normal(2.0))), axis=0)
    assert np.abs(best - expected_codes(np.array([2.0]), np.array([8.0]))).max() <= 1


def test_a_column_with_one_large_number_is_expected_to_need_a_code_that_has_it():
    for peak in range(LARGEST + 1):
        (code,) = expected_codes(np.array([0.4]), np.array([float(peak)]))
        assert reach(code) >= peak


@pytest.mark.parametrize("code", range(CODES))
def test_a_code_has_all_pairs_within_its_reach_and_none_beyond(code):
    reached = reach(code)
    corners = symbols(np.array([[[reached, -reached]], [[reached, -reached]]]))
    assert (corners >> code <= LARGEST_QUOTIENT).all()
    if reached < LARGEST:
        beyond = symbols(np.full((2, 1, 1), reached + 1))
        assert (beyond >> code > LARGEST_QUOTIENT).all()


@pytest.mark.parametrize("code", range(CODES))
def test_numbers_near_0_take_fewer_bits(code):
    bits = number_bits(code)
    assert (np.diff(bits[len(bits) // 2 :]) > 0).all()
    np.testing.assert_array_equal(bits, bits[::-1])


@pytest.mark.parametrize("rows_first", [True, False])
def test_remainders_fill_words_row_by_row_the_lowest_bit_first(rows_first):
    coded = np.array([[0b101, 0b11, 0b1, 7], [0b010, 0b00, 0b0, 9]])
    codes = np.array([3, 11, 2, 16], np.uint8)
    packed = packed_remainders(coded, codes, rows_first=rows_first)
    words = packed.view("<u2").reshape(2, 2)
    expected = np.array([[0b101 | 0b11 << 3 | 0b1 << 14, 7], [0b010, 9]])
    np.testing.assert_array_equal(words, expected if rows_first else expected.T)


def test_quotients_are_ones_with_a_zero_behind():
    packed = packed_quotients(np.array([0b10100, 0, 0b101]), np.array([3, 2, 1]))
    # 2, 0 and 2 ones, each with a zero behind.
    np.testing.assert_array_equal(packed, [0b0011_0011 & 0b0111_1111])
