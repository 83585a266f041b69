import numpy as np
import pytest

from zoo_compress.search.costs import Costs


@pytest.fixture
def costs() -> Costs:
    levels = np.array([[100.0, 60, 40], [80, 30, np.inf]])
    shares = np.zeros((2, 3, 1), bool)
    shares[0, 2] = True
    return Costs(levels=levels, fixed=7, shared=np.array([16]), shares=shares)


def test_costs_of_sites_add_up_to_that_of_a_plan(costs):
    assert costs.total(np.array([1, 1])) == 60 + 30 + 7 + 16
    thetas = np.array([[0, 0], [1, 1], [2, 0]])
    np.testing.assert_array_equal(costs.totals(thetas), [203, 113, 143])


def test_what_is_shared_is_paid_only_by_plans_that_use_it(costs):
    np.testing.assert_array_equal(costs.exact(np.array([[0, 0], [2, 0]])), [187, 143])


def test_what_is_shared_is_listed_for_each_level(costs):
    cost, uses = costs.sharing
    assert cost.tolist() == [16]
    assert uses[..., 0].tolist() == [[False, False, True], [False] * 3]


def test_levels_that_share_nothing_have_no_shared_costs():
    cost, uses = Costs(levels=np.array([[100.0, 60]])).sharing
    assert cost.shape == (0,)
    assert uses.shape == (1, 2, 0)


def test_the_plan_of_least_cost_takes_the_least_level_of_each_site(costs):
    assert costs.least.tolist() == [2, 1]


def test_the_least_level_need_not_be_the_last():
    times = Costs(levels=np.array([[50.0, 20, 30], [10, 40, np.inf]]))
    assert times.least.tolist() == [1, 0]
    assert times.total(times.least) == 30
