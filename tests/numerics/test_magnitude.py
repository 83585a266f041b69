import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.numerics.magnitude import unit_weights


@given(largest=st.floats(2.0**-148, 2.0**126, width=32), share=st.floats(-1, 1, width=16))
def test_the_largest_weight_ends_up_between_a_half_and_one(largest, share):
    W = np.array([largest, largest * share], np.float32)
    unit, exponent = unit_weights(W)
    assert 0.5 <= unit[0] < 1
    np.testing.assert_array_equal(np.ldexp(unit, exponent), W)


@pytest.mark.parametrize("shape", [(0,), (2, 3)])
def test_zeros_stay_zeros(shape):
    unit, exponent = unit_weights(np.zeros(shape))
    np.testing.assert_array_equal(unit, np.zeros(shape, np.float32))
    assert (unit.dtype, exponent) == (np.float32, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39, 2e38])
def test_weights_out_of_range_are_refused(value):
    with pytest.raises(ValueError, match="weights must be"):
        unit_weights(np.array([1, value]))
