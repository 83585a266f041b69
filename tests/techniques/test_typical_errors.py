import numpy as np
import pytest

from zoo_compress.core import Option
from zoo_compress.techniques.typical_errors import TypicalErrors


def option(technique, size, **settings):
    return Option(technique=technique, settings=settings, stored_bytes=size)


def test_without_any_error_a_bit_more_makes_a_quarter():
    typical = TypicalErrors()
    one, other = (typical.error(80, option("codes", size, bits=size)) for size in (20, 30))
    assert one == pytest.approx(4 * other)
    assert one == pytest.approx(4.0**-2)


def test_an_error_is_the_geometric_mean_over_weights_of_the_same_option():
    typical, same = TypicalErrors(), option("codes", 20, bits=2)
    typical.add(80, [same], [0.1])
    typical.add(800, [option("codes", 200, bits=2)], [0.4])
    assert typical.error(8, option("codes", 9, bits=2)) == pytest.approx(0.2)


def test_an_unknown_option_is_expected_to_be_as_far_from_the_limit_as_the_others():
    typical = TypicalErrors()
    typical.add(80, [option("codes", 20, bits=2), option("codes", 30, bits=3)], [0.3, 0.03])
    limits = np.array([4.0**-2, 4.0**-3])
    excess = np.exp(np.mean(np.log(np.array([0.3, 0.03]) / limits)))
    found = typical.error(80, option("sparse", 10, density=0.5))
    assert found == pytest.approx(excess * 4.0**-1)


@pytest.mark.parametrize("error", [0.0, float("inf")])
def test_errors_of_0_and_infinity_tell_nothing(error):
    typical, one = TypicalErrors(), option("codes", 20, bits=2)
    typical.add(80, [one], [error])
    assert typical.error(80, one) == pytest.approx(4.0**-2)
