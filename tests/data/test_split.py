import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.core import Inputs
from zoo_compress.data.split import split_inputs
from zoo_compress.errors import InputError


def grouped(*sizes):
    groups = [f"g{number}" for number, size in enumerate(sizes) for _ in range(size)]
    names = [f"{group}#{index}" for index, group in enumerate(groups)]
    return Inputs(feeds=[{}] * len(groups), groups=groups, names=names, description="things")


def sides(inputs, split):
    return ({inputs.groups[index] for index in side} for side in (split.search, split.certify))


@given(
    sizes=st.lists(st.integers(1, 30), min_size=2, max_size=40),
    search=st.integers(1, 80),
    seed=st.integers(0, 2**32),
)
def test_no_group_is_on_both_sides_and_neither_side_is_empty(sizes, search, seed):
    inputs = grouped(*sizes)
    split = split_inputs(inputs, search=search, seed=seed)
    search_groups, certify_groups = sides(inputs, split)
    assert search_groups.isdisjoint(certify_groups)
    assert split.search
    assert split.certify
    assert len(set(split.search + split.certify)) == len(split.search) + len(split.certify)
    assert len(split.search) <= min(search, max(1, len(inputs) // 2))


@given(count=st.integers(2, 300), search=st.integers(1, 80), seed=st.integers(0, 99))
def test_independent_samples_are_all_used(count, search, seed):
    split = split_inputs(grouped(*[1] * count), search=search, seed=seed)
    assert len(split.search) == min(search, count // 2)
    assert sorted(split.search + split.certify) == list(range(count))


def test_the_certificate_gets_every_sample_of_its_groups():
    inputs = grouped(*[20] * 27)
    split = split_inputs(inputs, search=50, seed=0)
    _, certify_groups = sides(inputs, split)
    assert len(split.certify) == 20 * len(certify_groups)


def test_the_search_sees_two_fifths_of_large_groups_in_turns():
    inputs = grouped(*[20] * 27)
    split = split_inputs(inputs, search=50, seed=0)
    search_groups, certify_groups = sides(inputs, split)
    assert len(split.search) == 50
    assert len(search_groups) == 11
    assert len(certify_groups) == 16
    assert {inputs.groups[index] for index in split.search[:11]} == search_groups


def test_few_samples_are_halved():
    split = split_inputs(grouped(*[1] * 10), search=50, seed=0)
    assert len(split.search) == len(split.certify) == 5


def test_the_same_seed_divides_alike_and_another_does_not():
    inputs = grouped(*[1] * 100)
    assert split_inputs(inputs, search=20, seed=1) == split_inputs(inputs, search=20, seed=1)
    assert split_inputs(inputs, search=20, seed=1) != split_inputs(inputs, search=20, seed=2)


def test_every_group_is_as_likely_as_any_other_to_be_searched():
    inputs = grouped(30, 1, 1, 1, 1, 1, 1, 1, 1, 1)
    picked = 0
    for seed in range(400):
        search_groups, _ = sides(inputs, split_inputs(inputs, search=1, seed=seed))
        picked += "g0" in search_groups
    # One of ten groups: 40 expected, standard deviation 6.
    assert 20 <= picked <= 60


def test_one_group_cannot_be_divided():
    with pytest.raises(InputError, match="things: 5 samples of one group cannot be divided"):
        split_inputs(grouped(5), search=2, seed=0)


def test_the_record_names_each_side():
    inputs = grouped(1, 1, 1)
    split = split_inputs(inputs, search=1, seed=9)
    record = json.loads(json.dumps(split.record(inputs)))
    assert record["seed"] == 9
    assert record["search"] == [inputs.names[split.search[0]]]
    assert sorted(record["search"] + record["certify"]) == ["g0#0", "g1#1", "g2#2"]
