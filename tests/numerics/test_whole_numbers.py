import numpy as np
import pytest

from zoo_compress.numerics.whole_numbers import PAIRS_BELOW, whole_number_code

every_rate = pytest.mark.parametrize("bits", [1.5, 2.0, 2.25, 2.4, 3.0, 4.0, 5.0])


def normal(bits, count=60_000, *, seed=0):
    """Return rounded normal numbers whose entropy is about so many bits."""
    scale = 2**bits / np.sqrt(2 * np.pi * np.e)
    return np.rint(np.random.default_rng(seed).standard_normal(count) * scale).astype(np.int64)


@every_rate
def test_every_number_has_a_symbol_and_every_symbol_its_numbers(bits):
    code = whole_number_code(bits)
    numbers = np.random.default_rng(1).integers(-code.largest, code.largest + 1, 501)
    found = code.numbers[code.symbols(numbers)].reshape(-1)
    np.testing.assert_array_equal(found[:501], numbers)
    assert not found[501:].any()
    assert code.together == (2 if bits < PAIRS_BELOW else 1)


@pytest.mark.parametrize(("bits", "most"), [(2.0, 0.08), (2.4, 0.08), (3.0, 0.1), (4.0, 0.08)])
def test_a_code_takes_little_more_than_the_entropy_of_rounded_normal_numbers(bits, most):
    code, numbers = whole_number_code(bits), normal(bits)
    numbers = numbers.clip(-code.largest, code.largest)
    counts = np.bincount(numbers + code.largest)
    shares = counts[counts > 0] / len(numbers)
    entropy = -float(np.sum(shares * np.log2(shares)))
    taken = code.code.lengths[code.symbols(numbers)].sum() / len(numbers)
    assert entropy <= taken < entropy + most


@every_rate
def test_numbers_near_0_take_fewer_bits(bits):
    code = whole_number_code(bits)
    beyond = code.bits[code.largest :]
    assert (np.diff(beyond) >= 0).all()
    assert beyond[0] < beyond[-1]
    assert abs(code.bits - code.bits[::-1]).max() <= 1
