import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_compress.numerics.canonical_code import CanonicalCode, best_code


def descending(count, *, seed=0, skew=2.0):
    chances = np.random.default_rng(seed).exponential(size=count) ** skew
    return np.sort(chances / chances.sum())[::-1]


def decoded(code, bits):
    """Return the symbol that bits lead to, and how many of them it takes."""
    prefix = ended = 0
    for length, (count, bit) in enumerate(zip(code.counts, bits, strict=False), 1):
        prefix, ended = 2 * prefix + bit - count, ended + count
        if prefix < 0:
            return prefix + ended, length
    raise AssertionError(f"{bits} are no code")


@given(count=st.integers(2, 90), longest=st.integers(7, 13), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_every_code_is_decoded_to_its_symbol(count, longest, seed):
    code = best_code(descending(count, seed=seed), longest=longest)
    found = [decoded(code, code.bits[:, symbol]) for symbol in range(count)]
    assert found == list(enumerate(code.lengths))


@given(count=st.integers(2, 128), longest=st.integers(7, 13), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_lengths_are_within_bounds_and_leave_no_code_over(count, longest, seed):
    lengths = best_code(descending(count, seed=seed), longest=longest).lengths
    assert len(lengths) == count
    assert lengths.max() <= longest
    assert (np.diff(lengths) >= 0).all()
    assert np.sum(2.0**-lengths) == 1


def test_a_code_takes_at_most_a_bit_more_than_the_entropy():
    chances = descending(40, skew=1.0)
    average = float(np.sum(best_code(chances, longest=13).lengths * chances))
    entropy = -float(np.sum(chances * np.log2(chances)))
    assert entropy <= average < entropy + 1


def test_chances_that_are_powers_of_two_get_codes_of_as_many_bits():
    chances = np.array([0.5, 0.25, 0.125, 0.0625, 0.03125, 0.03125])
    np.testing.assert_array_equal(best_code(chances, longest=10).lengths, [1, 2, 3, 4, 5, 5])


def test_a_shorter_limit_costs_bits_and_is_kept():
    chances = 0.5 ** np.arange(2, 14)
    one, other = (
        float(np.sum(best_code(chances / chances.sum(), longest=longest).lengths * chances))
        for longest in (13, 5)
    )
    assert one < other


def test_codes_are_counted_by_their_length():
    code = CanonicalCode(lengths=np.array([1, 3, 3, 3, 4, 4]), longest=5)
    np.testing.assert_array_equal(code.counts, [1, 0, 3, 2, 0])


@pytest.mark.parametrize("symbol", range(5))
def test_bits_behind_the_end_of_a_code_are_0(symbol):
    code = CanonicalCode(lengths=np.array([2, 2, 2, 3, 3]), longest=5)
    assert not code.bits[code.lengths[symbol] :, symbol].any()
