"""The built-in strategies keep the promises of all strategies, and some of their own."""

from __future__ import annotations

import pytest

from zoo_compress.registry import load_plugin
from zoo_compress.testing import StrategyConformance
from zoo_compress.testing.problems import draw_problem
from zoo_compress.testing.trials import choices, explored, measured


class TestGaussianProcess(StrategyConformance):
    @pytest.fixture
    def strategy_type(self):
        return load_plugin("strategies", "gp")


class TestKnapsack(StrategyConformance):
    @pytest.fixture
    def strategy_type(self):
        return load_plugin("strategies", "knapsack")


class TestRandom(StrategyConformance):
    @pytest.fixture
    def strategy_type(self):
        return load_plugin("strategies", "random")


class TestSwap(StrategyConformance):
    @pytest.fixture
    def strategy_type(self):
        return load_plugin("strategies", "swap")


def plans_of(name, problem, trials):
    strategy = load_plugin("strategies", name)(problem)
    return choices(explored(strategy, lambda plan: measured(problem, plan), trials=trials))


@pytest.mark.parametrize("name", ["gp", "random", "swap"])
def test_different_seeds_explore_different_plans(name):
    problems = [draw_problem(15, search_seed=seed, sites=12) for seed in (0, 1)]
    first, other = (plans_of(name, problem, 4) for problem in problems)
    assert first != other


def test_the_knapsack_is_one_plan_whatever_the_seed():
    problems = [draw_problem(15, search_seed=seed) for seed in (0, 1)]
    first, other = (plans_of("knapsack", problem, 8) for problem in problems)
    assert first == other
    assert len(first) == 1


@pytest.mark.parametrize("name", ["gp", "swap"])
def test_the_first_plan_is_the_knapsacks(name):
    problem = draw_problem(16)
    assert plans_of(name, problem, 1) == plans_of("knapsack", problem, 1)
