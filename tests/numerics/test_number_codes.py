import numpy as np
import pytest

from zoo_compress.numerics.number_codes import NO_CODE, number_codes

CODES = number_codes()


def normal(deviation, shape=(600, 100), *, seed=0):
    rounded = np.rint(np.random.default_rng(seed).standard_normal(shape) * deviation)
    return rounded.astype(np.int8)


def test_every_pair_has_a_symbol_and_every_symbol_its_pair():
    numbers = np.random.default_rng(1).integers(-CODES.largest, CODES.largest + 1, (501, 3))
    rows = CODES.pairs[CODES.symbols(numbers)].swapaxes(1, 2).reshape(-1, 3)
    np.testing.assert_array_equal(rows[:501], numbers)
    assert not rows[501:].any()


def test_pairs_with_a_smaller_sum_of_squares_come_first():
    sums = np.square(CODES.pairs.astype(int)).sum(axis=1)
    assert (np.diff(sums) >= 0).all()
    np.testing.assert_array_equal(CODES.pairs[:3], [[0, 0], [-1, 0], [0, -1]])


def test_the_last_code_has_every_symbol_and_each_the_first_ones():
    assert CODES.lengths[-1].max() < NO_CODE
    assert (np.diff((CODES.lengths < NO_CODE).astype(int), axis=1) <= 0).all()
    assert (np.diff((CODES.lengths < NO_CODE).sum(axis=1)) >= 0).all()


@pytest.mark.parametrize("deviation", [0.5, 0.8, 1.5, 3.0, 9.0])
def test_the_best_code_takes_little_more_than_the_entropy_of_rounded_normal_numbers(deviation):
    numbers = normal(deviation)
    counts = np.bincount(numbers.reshape(-1).astype(int) + 128)
    shares = counts[counts > 0] / numbers.size
    entropy = -float(np.sum(shares * np.log2(shares)))
    taken = CODES.best(CODES.symbols(numbers))[1].sum() / numbers.size
    assert entropy - 0.01 <= taken < entropy + 0.1


def test_the_best_code_of_a_column_is_the_one_that_takes_the_fewest_bits():
    numbers = np.concatenate([normal(d, (64, 1)) for d in (0.3, 1.2, 5.0)], axis=1)
    symbols = CODES.symbols(numbers)
    chosen, bits = CODES.best(symbols)
    assert (np.diff(chosen) > 0).all()
    for column in range(3):
        every = CODES.lengths[:, symbols[:, column]].sum(axis=1)
        assert bits[column] == every.min() == every[chosen[column]]


def test_a_column_with_one_large_number_takes_a_code_that_has_it():
    numbers = np.zeros((500, 1), np.int8)
    numbers[7] = CODES.largest
    _, (bits,) = CODES.best(CODES.symbols(numbers))
    assert bits < NO_CODE


def test_wider_numbers_are_expected_to_take_wider_codes():
    near = CODES.near(np.array([0.0, 0.5, 1.0, 2.0, 4.0, 1e9]), np.zeros(6))
    assert (np.diff(near) >= 0).all()
    assert near[0] == 0
    assert near[-1] == len(CODES.codes) - 1
    symbols = CODES.symbols(normal(2.0))
    assert np.abs(CODES.best(symbols)[0] - CODES.near(np.array([2.0]), np.array([8.0]))).max() <= 1


def test_a_column_with_one_large_number_is_expected_to_need_a_code_that_has_it():
    for peak in range(CODES.largest + 1):
        (code,) = CODES.near(np.array([0.4]), np.array([float(peak)]))
        assert CODES.reaches[code] >= peak


def test_numbers_near_0_take_fewer_bits():
    for code in range(len(CODES.codes)):
        bits = CODES.bits(code)
        beyond = bits[len(bits) // 2 :]
        assert (np.diff(beyond) > 0).all()
        np.testing.assert_array_equal(bits, bits[::-1])


def test_all_bits_of_codes_are_given_place_by_place():
    symbols, chosen = np.array([0, 3, 1, 7]), np.array([0, 2, 5, 1])
    bits, lengths = CODES.encode(symbols, chosen), CODES.lengths[chosen, symbols]
    assert len(bits) == lengths.sum()
    firsts = [CODES.codes[c].bits[0, s] for c, s in zip(chosen, symbols, strict=True)]
    np.testing.assert_array_equal(bits[:4], firsts)
    longer = [i for i in range(4) if lengths[i] > 1]
    seconds = [CODES.codes[chosen[i]].bits[1, symbols[i]] for i in longer]
    np.testing.assert_array_equal(bits[4 : 4 + len(longer)], seconds)
