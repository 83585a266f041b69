"""Options that differ in one number, and errors between those that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.core import Option
from zoo_compress.techniques.families import LARGEST_STEP, families


def option(technique: str, **settings: object) -> Option:
    return Option(technique=technique, settings=settings, stored_bytes=100)


def of(technique: str, key: str, *numbers: float) -> list[Option]:
    return [option(technique, **{key: number}) for number in numbers]


def test_options_that_differ_in_one_number_are_a_family():
    options = [
        *(option("codes", bits=b, granularity=g) for g in ("channel", "group") for b in (8, 4, 2)),
        *of("codebook", "entries", 256, 16),
        option("fp16"),
    ]
    found = {family.members for family in families(options)}
    assert found == {(2, 1, 0), (5, 4, 3), (7, 6), (8,)}


def test_the_number_that_leaves_the_fewest_families_counts():
    options = [option("sparse", density=d, entries=e) for d in (0.5, 0.3, 0.1) for e in (16, 4)]
    assert sorted(family.members for family in families(options)) == [(4, 2, 0), (5, 3, 1)]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12, unique=True))
def test_every_option_is_known_or_lies_between_two_that_are(numbers):
    (family,) = families(of("codes", "bits", *numbers))
    assert sorted([*family.anchors, *family.others]) == list(range(len(numbers)))
    places = [family.members.index(anchor) for anchor in family.anchors]
    assert (places[0], places[-1]) == (0, len(numbers) - 1)
    assert max(np.diff(places), default=1) <= LARGEST_STEP
    assert len(family.between([1.0] * len(places))) == len(family.others)


def test_errors_between_are_straight_lines_of_logarithms_over_bits():
    (family,) = families(of("codes", "bits", 8, 7, 6, 5, 4, 3, 2))
    errors = [4.0**-bits for bits in (8, 7, 6, 5, 4, 3, 2)]
    found = family.between([errors[index] for index in family.anchors])
    assert found == pytest.approx([errors[index] for index in family.others])


def test_numbers_that_double_count_by_their_logarithms():
    entries = (256, 128, 64, 32, 16, 8, 4)
    (family,) = families(of("codebook", "entries", *entries))
    errors = [1 / number**2 for number in entries]
    found = family.between([errors[index] for index in family.anchors])
    assert found == pytest.approx([errors[index] for index in family.others])


def test_next_to_an_infinite_error_all_are_infinite_and_next_to_none_there_is_next_to_none():
    (family,) = families(of("codes", "bits", 4, 3, 2))
    assert family.between([np.inf, 0.1]) == [np.inf]
    assert family.between([0.1, 0.0])[0] < 1e-100
