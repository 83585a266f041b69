import numpy as np
import pytest

from zoo_compress.numerics.number_codes import NO_CODE, number_codes

both = pytest.mark.parametrize("together", [1, 2])


def normal(deviation, shape=(600, 100), *, seed=0):
    rounded = np.rint(np.random.default_rng(seed).standard_normal(shape) * deviation)
    return rounded.astype(np.int8)


@both
def test_every_number_has_a_symbol_and_every_symbol_its_numbers(together):
    codes = number_codes(together)
    numbers = np.random.default_rng(1).integers(-codes.largest, codes.largest + 1, (501, 3))
    found = codes.numbers[codes.symbols(numbers)]
    rows = found.swapaxes(1, 2).reshape(-1, 3)
    np.testing.assert_array_equal(rows[:501], numbers)
    assert not rows[501:].any()


@both
def test_the_last_code_has_every_symbol_and_each_the_first_ones(together):
    lengths = number_codes(together).lengths
    assert lengths[-1].max() < NO_CODE
    assert (np.diff((lengths < NO_CODE).astype(int), axis=1) <= 0).all()
    assert (np.diff((lengths < NO_CODE).sum(axis=1)) >= 0).all()


@both
@pytest.mark.parametrize("deviation", [0.5, 0.8, 1.5, 3.0, 4.5])
def test_the_best_code_takes_little_more_than_the_entropy_of_rounded_normal_numbers(
    together, deviation
):
    codes, numbers = number_codes(together), normal(deviation)
    counts = np.bincount(numbers.reshape(-1).astype(int) + 128)
    shares = counts[counts > 0] / numbers.size
    entropy = -float(np.sum(shares * np.log2(shares)))
    taken = codes.best(codes.symbols(numbers))[1].sum() / numbers.size
    assert entropy - 0.01 <= taken < entropy + (0.3 if together == 1 else 0.1)


@both
def test_the_best_code_of_a_column_is_the_one_that_takes_the_fewest_bits(together):
    codes = number_codes(together)
    numbers = np.concatenate([normal(d, (64, 1)) for d in (0.3, 1.2, 5.0)], axis=1)
    symbols = codes.symbols(numbers)
    chosen, bits = codes.best(symbols)
    assert (np.diff(chosen) > 0).all()
    for column in range(3):
        every = codes.lengths[:, symbols[:, column]].sum(axis=1)
        assert bits[column] == every.min() == every[chosen[column]]


@both
def test_wider_numbers_are_expected_to_take_wider_codes(together):
    codes = number_codes(together)
    near = codes.near(np.array([0.0, 0.5, 1.0, 2.0, 4.0, 1e9]))
    assert (np.diff(near) >= 0).all()
    assert near[0] == 0
    assert near[-1] == len(codes.codes) - 1
    symbols = codes.symbols(normal(2.0))
    assert np.abs(codes.best(symbols)[0] - codes.near(np.array([2.0]))).max() <= 1


@both
def test_numbers_near_0_take_fewer_bits(together):
    codes = number_codes(together)
    for code in range(len(codes.codes)):
        bits = codes.bits(code)
        beyond = bits[len(bits) // 2 :]
        assert (np.diff(beyond) >= 0).all()
        assert beyond[0] < beyond[-1]


@both
def test_all_bits_of_codes_are_given_place_by_place(together):
    codes = number_codes(together)
    symbols, chosen = np.array([0, 3, 1, 7]), np.array([0, 2, 5, 1])
    bits, lengths = codes.encode(symbols, chosen), codes.lengths[chosen, symbols]
    assert len(bits) == lengths.sum()
    firsts = [codes.codes[c].bits[0, s] for c, s in zip(chosen, symbols, strict=True)]
    np.testing.assert_array_equal(bits[:4], firsts)
    longer = [i for i in range(4) if lengths[i] > 1]
    seconds = [codes.codes[chosen[i]].bits[1, symbols[i]] for i in longer]
    np.testing.assert_array_equal(bits[4 : 4 + len(longer)], seconds)
