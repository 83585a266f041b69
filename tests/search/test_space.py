from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.core import Option, Plan

TABLE = [[100, 60, 40], [80, 30], [50, 20, 10, 5]]
SHARED = {
    (0, 1): {"mask": 16, "shift": 8},
    (0, 2): {"mask": 16},
    (1, 1): {"mask": 16},
    (2, 3): {"shift": 8},
}


@pytest.fixture(scope="session")
def space(make_space):
    return make_space(TABLE, fixed_bytes=1000, shared=SHARED)


thetas = st.tuples(*(st.integers(0, len(row) - 1) for row in TABLE))


@given(theta=thetas)
def test_an_array_and_its_plan_stand_for_each_other(space, theta):
    found = space.theta(space.plan(np.array(theta)))
    assert found.dtype == np.int64
    assert tuple(found) == theta


def test_a_site_at_level_0_is_absent_from_the_plan(space):
    assert space.plan(space.largest) == Plan()
    assert set(space.plan(np.array([0, 1, 0])).choices) == {"site1.weight"}


def test_an_option_is_known_by_technique_and_settings_alone(space):
    stored = Option(
        technique="codes", settings={"granularity": "channel", "bits": 7}, stored_bytes=0
    )
    assert space.theta(Plan(choices={"site2.weight": stored})).tolist() == [0, 0, 2]


def test_a_plan_with_an_unknown_site_is_refused_by_its_name(space):
    choice = space.options[0][0]
    plan = Plan(choices={"site0.weight": choice, "head.weight": choice})
    with pytest.raises(KeyError, match=r"no site 'head\.weight'"):
        space.theta(plan)


@pytest.mark.parametrize(
    ("technique", "bits"), [("codes", 6), ("pruning", 8)], ids=["setting", "technique"]
)
def test_a_plan_with_an_unknown_option_is_refused_by_its_label(space, technique, bits):
    settings = {"bits": bits, "granularity": "channel"}
    option = Option(technique=technique, settings=settings, stored_bytes=60)
    with pytest.raises(KeyError, match=rf"'site1\.weight' has no option '{technique} bits={bits}"):
        space.theta(Plan(choices={"site1.weight": option}))


def test_missing_levels_take_infinitely_many_bytes(space):
    assert space.levels.tolist() == [3, 2, 4]
    expected = [[100, 60, 40, np.inf], [80, 30, np.inf, np.inf], [50, 20, 10, 5]]
    np.testing.assert_array_equal(space.level_bytes, expected)
    finite = np.where(np.isfinite(expected), expected, 0)
    np.testing.assert_array_equal(space.costs.finite, finite)


@pytest.mark.parametrize(
    ("theta", "constants"),
    [((0, 0, 0), 0), ((2, 0, 0), 16), ((2, 1, 0), 16), ((1, 1, 3), 24), ((0, 0, 3), 8)],
)
def test_the_file_holds_each_shared_constant_once_and_only_if_used(space, theta, constants):
    sites = sum(row[level] for row, level in zip(TABLE, theta, strict=True))
    found = space.stored_bytes(np.array(theta))
    assert found == 1000 + sites + constants
    assert type(found) is int


@given(theta=thetas)
def test_separable_bytes_exceed_the_stored_ones_by_the_unused_constants(space, theta):
    used = set().union(*(SHARED.get(choice, {}).items() for choice in enumerate(theta)))
    unused = 24 - sum(size for _, size in used)
    theta = np.array(theta)
    assert space.separable_bytes(theta) == space.stored_bytes(theta) + unused


@given(some=st.lists(thetas, min_size=1, max_size=6))
def test_many_plans_are_sized_as_one_by_one(space, some):
    batch = np.array(some)
    assert space.stored_sizes(batch).tolist() == [space.stored_bytes(theta) for theta in batch]
    separable = [space.separable_bytes(theta) for theta in batch]
    assert space.separable_sizes(batch).tolist() == separable


def test_no_plan_takes_fewer_bytes_than_the_smallest_or_more_than_the_largest(space):
    every = [
        space.separable_bytes(np.array(theta))
        for theta in product(*(range(len(r)) for r in TABLE))
    ]
    assert space.separable_bytes(space.smallest) == min(every)
    assert space.separable_bytes(space.largest) == max(every)


@given(errors=st.lists(st.sampled_from([0.0, 0.1, 0.2, np.inf]), min_size=3, max_size=3))
def test_thinning_keeps_what_no_other_option_is_as_small_and_as_close_as(space, errors):
    options = space.options[2]
    thin = space.thinned({0: [0.0] * 2, 1: [0.0], 2: errors}).options[2]
    for index, option in enumerate(options):
        # Bytes fall with the index, so only what comes later can beat an option.
        beaten = any(error <= errors[index] for error in errors[index + 1 :])
        assert (option in thin) == (not beaten)


def test_of_options_that_are_alike_in_bytes_and_error_one_stays(make_space):
    thin = make_space([[100, 60, 60, 60]]).thinned({0: [0.2, 0.1, 0.1]})
    assert [len(options) for options in thin.options] == [1]
    assert make_space([[100, 60, 40]]).thinned({0: [np.inf, np.inf]}).options[0]


def test_plans_replace_weights_and_the_biases_that_go_with_them(space):
    first, second, third = space.sites
    sites = (first, replace(second, bias="b"), third)
    assert replace(space, sites=sites).tensors == (first.name, second.name, third.name, "b")
