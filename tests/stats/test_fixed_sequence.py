from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.stats.fixed_sequence import fixed_sequence

shares = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def test_all_pass_up_to_the_first_failure_and_none_after_it():
    passed = fixed_sequence([0.02] * 4, [0.01, 0.02, 0.03, 0.01])
    assert passed == (True, True, False, False)


@given(bounds=shares, limit=st.floats(0, 1))
def test_a_claim_passes_exactly_if_its_bound_and_all_before_it_are_within_the_limit(bounds, limit):
    passed = fixed_sequence([limit] * len(bounds), bounds)
    expected = [all(bound <= limit for bound in bounds[: i + 1]) for i in range(len(bounds))]
    assert list(passed) == expected


def test_each_claim_has_its_own_limit():
    assert fixed_sequence([0.1, 0.2, 0.3], [0.1, 0.15, 0.31]) == (True, True, False)


def test_nothing_is_computed_after_the_first_failure():
    asked = []

    def bound_of(model: int) -> float:
        asked.append(model)
        return 0.01 * model

    assert fixed_sequence([0.015] * 4, map(bound_of, range(4))) == (True, True, False, False)
    assert asked == [0, 1, 2]


def test_no_more_bounds_are_asked_for_than_there_are_limits():
    supply = iter([0.0, 0.0])
    assert fixed_sequence([0.1], supply) == (True,)
    assert next(supply) == 0.0


def test_a_bound_that_is_not_a_number_fails():
    assert fixed_sequence([math.inf], [math.nan]) == (False,)


def test_missing_bounds_are_refused():
    with pytest.raises(ValueError, match="3 limits but only 1 bounds"):
        fixed_sequence([0.1] * 3, [0.0])


def test_no_claim_at_all_passes_nothing():
    assert fixed_sequence([], []) == ()
