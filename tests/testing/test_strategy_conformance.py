"""The suite tells strategies that keep the promises from those that break one of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoo_compress.core import Plan
from zoo_compress.search.objective import LeastDistance
from zoo_compress.search.strategies.random import RandomStrategy
from zoo_compress.testing import StrategyConformance
from zoo_compress.testing.problems import OBJECTIVES
from zoo_compress.testing.strategy import TINY

SUITE = StrategyConformance()


class OverBudget(RandomStrategy):
    def ask(self):
        return Plan()


class Silent(RandomStrategy):
    def ask(self):
        return None


class Unseeded(RandomStrategy):
    def __init__(self, problem):
        super().__init__(replace(problem, seed=int(np.random.default_rng().integers(2**32))))


class Advancing(RandomStrategy):
    """Draws from a generator that every question moves on."""

    def __init__(self, problem):
        super().__init__(problem)
        self._asked = 0

    def ask(self):
        self._asked += 1
        self._problem = replace(self._problem, seed=self._asked)
        return super().ask()


class Comparing(RandomStrategy):
    """Compares plans with all that they carry, which a store does not keep."""

    def __init__(self, problem):
        super().__init__(problem)
        self._shared = 0

    def tell(self, trial):
        super().tell(trial)
        self._shared += sum(len(option.shared) for option in trial.plan.choices.values())
        self._problem = replace(self._problem, seed=self._shared)


class Single(RandomStrategy):
    def ask(self):
        return None if len(self._history) else super().ask()


class Fragile(RandomStrategy):
    def tell(self, trial):
        assert np.isfinite(trial.measurement.distance), "not finite"
        assert np.isfinite(trial.measurement.variance), "not finite"
        super().tell(trial)


class Picky(RandomStrategy):
    def __init__(self, problem):
        super().__init__(problem)
        if not isinstance(problem.objective, LeastDistance):
            raise TypeError(f"no objective of mine: {problem.objective}")


class Repeating(RandomStrategy):
    def ask(self):
        return self._problem.space.plan(self._problem.space.smallest)


class Numpy(RandomStrategy):
    def ask(self):
        plan = super().ask()
        choices = plan.choices.items()
        return Plan(choices={s: replace(o, stored_bytes=np.int64(50)) for s, o in choices})


class Meddling(RandomStrategy):
    def tell(self, trial):
        super().tell(trial)
        self._problem.sensitivity.distortion[0, 1] *= 2


every_objective = pytest.mark.parametrize("objective", OBJECTIVES)


@every_objective
@pytest.mark.parametrize("broken", [OverBudget, Silent])
def test_plans_beyond_the_budget_or_none_at_all_are_noticed(broken, objective):
    with pytest.raises(AssertionError):
        SUITE.test_every_plan_is_within_the_budget(broken, objective, 0.3)


def test_a_strategy_that_knows_one_objective_is_noticed():
    SUITE.test_every_plan_is_within_the_budget(Picky, "distance", 0.3)
    with pytest.raises(TypeError, match="no objective of mine"):
        SUITE.test_every_plan_is_within_the_budget(Picky, "weighted", 0.3)


def test_chance_that_does_not_follow_from_the_seed_is_noticed():
    with pytest.raises(AssertionError):
        SUITE.test_proposals_follow_from_the_seed_and_the_trials(Unseeded, "distance")


def test_a_question_that_changes_the_answer_is_noticed():
    with pytest.raises(AssertionError):
        SUITE.test_asking_twice_gives_the_same_plan(Advancing, "distance")


@pytest.mark.parametrize("broken", [Advancing, Comparing])
def test_knowledge_that_the_trials_do_not_carry_is_noticed(broken):
    with pytest.raises(AssertionError):
        SUITE.test_a_fresh_strategy_that_is_told_the_trials_goes_on_in_the_same_way(
            broken, "distance"
        )


@pytest.mark.parametrize("distances", ["nan", "infinite", "some not finite"])
def test_a_strategy_that_distances_can_stop_is_noticed(distances):
    with pytest.raises(AssertionError, match="not finite"):
        SUITE.test_any_distance_can_be_told(Fragile, "distance", distances)
    with pytest.raises(AssertionError, match="not finite"):
        SUITE.test_variances_that_are_not_finite_can_be_told(Fragile)


def test_a_strategy_that_foreign_trials_stop_is_noticed():
    with pytest.raises(AssertionError, match="nothing was proposed after a foreign trial"):
        SUITE.test_trials_that_were_not_asked_for_are_taken_in(Single, "smallest")


@pytest.mark.parametrize("space", TINY)
def test_a_plan_that_is_proposed_twice_is_noticed(space):
    with pytest.raises(AssertionError):
        SUITE.test_a_search_of_a_tiny_space_ends_or_finds_new_plans(Repeating, "distance", space)


def test_numpy_types_in_a_plan_are_noticed():
    with pytest.raises((AssertionError, TypeError)):
        SUITE.test_plans_consist_of_plain_json_values(Numpy)


def test_a_strategy_that_changes_the_scan_is_noticed():
    with pytest.raises(AssertionError):
        SUITE.test_the_scan_and_the_trials_are_left_alone(Meddling)
