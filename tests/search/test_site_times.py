from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.search.projection import knapsack
from zoo_compress.search.site_times import SiteTime, TimeTable, useful_options
from zoo_compress.testing.problems import space_of


def label(space, site, level):
    return space.options[site][level - 1].label


def timed(space, site, level, original, alone, amid):
    return SiteTime(
        site=space.sites[site].name,
        option=label(space, site, level),
        original_ns=original,
        alone_ns=alone,
        amid_ns=amid,
    )


@pytest.fixture
def space():
    return space_of([[100, 60, 40, 30], [80, 30], [50, 20]])


def test_only_options_stay_that_are_no_slower_than_the_original_or_than_closer_ones(space):
    times = [
        timed(space, 0, 1, 1000, 800, 600),
        timed(space, 0, 2, 1000, 800, 700),
        timed(space, 0, 3, 1000, 500, 400),
        timed(space, 1, 1, 300, 320, 316),
    ]
    # The second option of the first site is slower than the first, and farther.
    found = useful_options(space, times, [[0.1, 0.2, 0.3], [0.1], [0.1]])
    assert [site.name for site in found.sites] == ["site0.weight"]
    assert [option.label for option in found.options[0]] == [
        label(space, 0, 1),
        label(space, 0, 3),
    ]


def test_sites_without_an_option_left_still_count_in_the_size(space):
    found = useful_options(space, [timed(space, 0, 3, 10, 6, 5)], [[0.1, 0.2, 0.3], [0.1], [0.1]])
    assert found.stored_bytes(found.largest) == space.stored_bytes(space.largest)
    theta = np.array([3, 0, 0])
    assert found.stored_bytes(np.array([1])) == space.stored_bytes(theta)


def test_an_option_that_is_slower_by_itself_may_be_faster_between_others_of_its_kind(space):
    time = timed(space, 1, 1, 300, 350, 200)
    assert not time.slower
    assert time.ratio == pytest.approx(2 / 3)
    found = useful_options(space, [time], [[0.1, 0.2, 0.3], [0.1], [0.1]])
    assert [site.name for site in found.sites] == ["site1.weight"]


@pytest.mark.parametrize(("amid", "slower"), [(1050, False), (1051, True)])
def test_a_difference_within_the_noise_makes_no_option_slower(space, amid, slower):
    assert timed(space, 1, 1, 1000, 2000, amid).slower is slower


@pytest.mark.parametrize(
    ("company", "original", "option"), [(0.0, 1000, 700), (1.0, 1300, 400), (0.5, 1150, 550)]
)
def test_conversions_are_paid_where_neighbours_are_of_another_kind(company, original, option):
    space = space_of([[100, 60]])
    table = TimeTable.of(space, [timed(space, 0, 1, 1000, 700, 400)])
    assert table.costs(company).levels.tolist() == [[original, option]]


def test_options_that_were_not_timed_take_as_long_as_the_original():
    space = space_of([[100, 60, 40], [80, 30]])
    costs = TimeTable.of(space, [timed(space, 0, 2, 1000, 700, 400)]).costs(1.0)
    assert costs.levels[0].tolist() == [1300, 1000, 400]
    assert costs.levels[1, 0] == costs.levels[1, 1]
    assert np.isinf(costs.levels[1, 2])


times = st.integers(1, 10**7)


@given(
    rows=st.lists(st.tuples(times, times, times, st.floats(0, 1e3)), min_size=1, max_size=5),
    company=st.floats(0, 1),
    tightness=st.floats(0, 1),
)
def test_a_knapsack_keeps_a_limit_on_time_and_is_one_site_from_the_optimum(
    rows, company, tightness
):
    space = space_of([[100, 50] for _ in rows])
    measured = [
        timed(space, site, 1, original, alone, amid)
        for site, (original, alone, amid, _) in enumerate(rows)
    ]
    costs = TimeTable.of(space, measured).costs(company)
    distortion = np.array([[0.0, row[3]] for row in rows])
    least, most = costs.total(costs.least), costs.total(space.largest)
    limit = int(least + tightness * max(most - least, 0))
    theta = knapsack(costs, distortion, limit)
    assert costs.total(theta) <= limit

    def error(plan):
        return distortion[np.arange(len(rows)), plan].sum()

    every = (np.array(plan) for plan in product((0, 1), repeat=len(rows)))
    optimum = min(error(plan) for plan in every if costs.total(plan) <= limit)
    assert error(theta) - optimum <= distortion.max() * (1 + 1e-9)
