from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.stats.certificates.wording import rounded_down, rounded_up


@given(st.floats(1e-12, 1e12))
def test_a_rounded_bound_is_still_a_bound_and_within_one_per_cent(value):
    # What lies within a millionth of the last digit counts as that digit.
    assert value * (1 - 1e-8) <= float(rounded_up(value)) <= value * 1.0101
    assert value * (1 + 1e-8) >= float(rounded_down(value)) >= value * 0.9899


@pytest.mark.parametrize("value", [0.0, math.inf])
def test_zero_and_infinity_stay(value):
    assert float(rounded_up(value)) == float(rounded_down(value)) == value
