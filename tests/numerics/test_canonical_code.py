import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_compress.numerics.canonical_code import FIRST_BITS, CanonicalCode, best_code


def descending(count, *, seed=0, skew=2.0):
    chances = np.random.default_rng(seed).exponential(size=count) ** skew
    return np.sort(chances / chances.sum())[::-1]


@given(count=st.integers(4, 90), longest=st.integers(7, 13), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_what_is_encoded_is_decoded_again(count, longest, seed):
    code = best_code(descending(count, seed=seed), longest=longest)
    symbols = np.random.default_rng(seed).integers(0, count, 300)
    first, rest = code.encode(symbols)
    np.testing.assert_array_equal(code.decode(first, rest), symbols)
    assert FIRST_BITS * len(symbols) + len(rest) == code.lengths[symbols].sum()


@given(count=st.integers(4, 128), longest=st.integers(7, 13), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_lengths_are_within_bounds_and_leave_no_code_over(count, longest, seed):
    lengths = best_code(descending(count, seed=seed), longest=longest).lengths
    assert len(lengths) == count
    assert lengths.min() >= FIRST_BITS
    assert lengths.max() <= longest
    assert (np.diff(lengths) >= 0).all()
    assert np.sum(2.0**-lengths) == 1


def test_a_code_takes_at_most_a_bit_more_than_the_entropy():
    chances = descending(40, skew=1.0)
    average = float(np.sum(best_code(chances, longest=13).lengths * chances))
    entropy = -float(np.sum(chances * np.log2(chances)))
    assert entropy <= average < entropy + 1


def test_chances_that_are_powers_of_two_get_codes_of_as_many_bits():
    chances = np.array([0.25, 0.25, 0.25, 0.125, 0.0625, 0.03125, 0.03125])
    np.testing.assert_array_equal(best_code(chances, longest=10).lengths, [2, 2, 2, 3, 4, 5, 5])


def test_a_shorter_limit_costs_bits_and_is_kept():
    chances = 0.5 ** np.arange(2, 14)
    one, other = (
        float(np.sum(best_code(chances / chances.sum(), longest=longest).lengths * chances))
        for longest in (13, 5)
    )
    assert one < other


def test_a_symbol_of_most_of_the_chance_still_takes_two_bits():
    code = best_code(np.array([0.9, 0.04, 0.03, 0.02, 0.01]), longest=10)
    np.testing.assert_array_equal(code.lengths, [2, 2, 2, 3, 3])


def test_codes_end_where_the_decoder_looks_for_their_ends():
    code = CanonicalCode(lengths=np.array([2, 2, 3, 4, 4]), longest=5)
    np.testing.assert_array_equal(code.ended, [2, 3, 5])


@pytest.mark.parametrize("symbol", range(5))
def test_a_single_symbol_is_decoded(symbol):
    code = CanonicalCode(lengths=np.array([2, 2, 3, 4, 4]), longest=5)
    first, rest = code.encode(np.array([symbol]))
    assert len(rest) == code.lengths[symbol] - FIRST_BITS
    assert code.decode(first, rest) == symbol
