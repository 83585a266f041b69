"""What every strategy promises, whichever it is."""

from __future__ import annotations

import json

import pytest

from zoo_compress.plan import plan_record
from zoo_compress.registry import load_plugin

EXPLORING = ["gp", "random", "swap"]
every_strategy = pytest.mark.parametrize("name", ["gp", "knapsack", "random", "swap"])


@every_strategy
@pytest.mark.parametrize("share", [0.07, 0.125, 0.3])
def test_every_plan_is_within_the_budget(draw_problem, explore, name, share):
    problem = draw_problem(11, share=share)
    trials = explore(name, problem)
    assert trials
    for trial in trials:
        theta = problem.space.theta(trial.plan)
        assert problem.space.stored_bytes(theta) <= problem.limit_bytes


@every_strategy
def test_a_proposal_follows_from_the_seed_and_the_trials_told(draw_problem, explore, labels, name):
    problem = draw_problem(12, search_seed=5)
    assert labels(explore(name, problem)) == labels(explore(name, problem))


@every_strategy
def test_asking_twice_gives_the_same_plan(draw_problem, name):
    strategy = load_plugin("strategies", name)(draw_problem(12))
    assert strategy.ask() == strategy.ask()


@every_strategy
@pytest.mark.parametrize("stopped_after", [1, 7, 10])
def test_a_fresh_strategy_that_is_told_the_trials_goes_on_in_the_same_way(
    draw_problem, explore, labels, name, stopped_after
):
    problem = draw_problem(13)
    whole = explore(name, problem, trials=12)
    resumed = explore(name, problem, trials=12, told=whole[:stopped_after])
    assert labels(resumed) == labels(whole)


@every_strategy
def test_trials_that_were_not_asked_for_are_taken_in(draw_problem, explore, measure, name):
    problem = draw_problem(14)
    told = [measure(problem, problem.space.plan(problem.space.smallest))]
    trials = explore(name, problem, trials=4, told=told)
    assert len(trials) == (1 if name == "knapsack" else 4)


@pytest.mark.parametrize("name", EXPLORING)
def test_different_seeds_explore_different_plans(draw_problem, explore, labels, name):
    problems = [draw_problem(15, search_seed=seed, sites=12) for seed in (0, 1)]
    first, other = (labels(explore(name, problem, trials=4)) for problem in problems)
    assert first != other


def test_the_knapsack_is_one_plan_whatever_the_seed(draw_problem, explore, labels):
    problems = [draw_problem(15, search_seed=seed) for seed in (0, 1)]
    first, other = (labels(explore("knapsack", problem)) for problem in problems)
    assert first == other
    assert len(first) == 1


@pytest.mark.parametrize("name", ["gp", "swap"])
def test_the_first_plan_is_the_knapsacks(draw_problem, explore, labels, name):
    problem = draw_problem(16)
    first = explore(name, problem, trials=1)
    assert labels(first) == labels(explore("knapsack", problem))


@pytest.mark.parametrize("name", ["gp", "swap"])
def test_no_plan_is_proposed_twice(draw_problem, explore, labels, name):
    found = labels(explore(name, draw_problem(17)))
    assert len({str(plan) for plan in found}) == len(found)


@every_strategy
def test_a_plan_consists_of_plain_json_values(draw_problem, explore, name):
    for trial in explore(name, draw_problem(20)):
        record = plan_record(trial.plan)
        assert json.loads(json.dumps(record)) == record
        for site, choice in record.items():
            assert type(site) is str
            assert type(choice["stored_bytes"]) is int
            assert {type(value) for value in choice["settings"].values()} == {int, str}
