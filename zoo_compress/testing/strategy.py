"""What every search strategy promises, whichever it is."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from itertools import cycle

import numpy as np
import pytest

from zoo_compress.core import Measurement, Plan, Strategy, Trial
from zoo_compress.plan import plan_record
from zoo_compress.search.problem import Problem
from zoo_compress.testing.problems import OBJECTIVES, draw_problem, problem_of, with_objective
from zoo_compress.testing.trials import choices, explored, measured, restored, trial_of

StrategyType = Callable[[Problem], Strategy]

TINY = {
    "one site": ([[100, 50, 40, 20]], [[0, 1, 2, 3]], 150),
    "one plan": ([[100, 50, 20], [100, 40, 20]], [[0, 1, 2], [0, 1, 2]], 140),
    "equal bytes": ([[100, 50, 50], [100, 50, 50]], [[0, 1, 2], [0, 2, 1]], 200),
    "equal costs": ([[100, 50, 20], [100, 50, 20]], [[0, 1, 1], [0, 1, 1]], 180),
    "no cost": ([[100, 50, 20]] * 2, [[0, 0, 0]] * 2, 200),
    "everything fits": ([[100, 50, 20]] * 2, [[0, 1, 2]] * 2, 1000),
}
"""Spaces of 3 to 16 plans: bytes of each level, its cost, and the limit."""
MOST_PLANS = 16

DISTANCES = {
    "nan": [math.nan],
    "infinite": [math.inf],
    "some not finite": [math.nan, 1.0, math.inf],
    "zero": [0.0],
    "extreme": [1e-300, 1e30],
}
# An option of each site uses the same constant, as packed codes do.
SHARED = {(site, 3): {"mask": 24} for site in range(6)}


@pytest.mark.filterwarnings("error")
class StrategyConformance:
    """Tests that a strategy must pass to be run, stopped and resumed like any other.

    Subclass it under a name that pytest collects, and supply the fixture `strategy_type`. No
    model is needed: the distances are simulated.

    Attributes:
        trials: How long a search is; more trials than the strategy needs before it learns.
    """

    trials = 10

    @pytest.fixture
    def strategy_type(self) -> StrategyType:
        """Return the strategy's class, or any function from a `Problem` to a new strategy."""
        raise NotImplementedError("supply the fixture strategy_type")

    @pytest.mark.parametrize("objective", OBJECTIVES)
    @pytest.mark.parametrize("share", [0.07, 0.3])
    def test_every_plan_is_within_the_budget(
        self, strategy_type: StrategyType, objective: str, share: float
    ) -> None:
        """Check that something is proposed for every objective, and nothing beyond the limit."""
        problem = with_objective(draw_problem(11, share=share, shared=SHARED), objective)
        trials = self._search(strategy_type, problem)
        assert trials, "nothing was proposed"
        sizes = [trial.measurement.stored_bytes for trial in trials]
        assert max(sizes) <= problem.limit

    @pytest.mark.parametrize("objective", OBJECTIVES)
    def test_proposals_follow_from_the_seed_and_the_trials(
        self, strategy_type: StrategyType, objective: str
    ) -> None:
        """Check that two searches with one seed are the same, whatever else ran in between."""
        problem = with_objective(draw_problem(12, search_seed=5), objective)
        first, second = (choices(self._search(strategy_type, problem)) for _ in range(2))
        assert first == second

    @pytest.mark.parametrize("objective", OBJECTIVES)
    def test_asking_twice_gives_the_same_plan(
        self, strategy_type: StrategyType, objective: str
    ) -> None:
        """Check that asking changes nothing: a process may end between asking and telling."""
        problem = with_objective(draw_problem(12), objective)
        whole = self._search(strategy_type, problem)
        for count in (0, 1, self.trials - 1):
            strategy = strategy_type(problem)
            for trial in whole[:count]:
                strategy.tell(trial)
            assert strategy.ask() == strategy.ask()

    @pytest.mark.parametrize("objective", OBJECTIVES)
    def test_a_fresh_strategy_that_is_told_the_trials_goes_on_in_the_same_way(
        self, strategy_type: StrategyType, objective: str
    ) -> None:
        """Check that nothing but the trials, as a store returns them, is needed to resume."""
        problem = with_objective(draw_problem(13, shared=SHARED), objective)
        whole = self._search(strategy_type, problem)
        for stopped_after in (1, self.trials // 2 + 1, self.trials - 1):
            told = [restored(trial) for trial in whole[:stopped_after]]
            assert choices(self._search(strategy_type, problem, told=told)) == choices(whole)

    @pytest.mark.parametrize("extreme", ["smallest", "largest"])
    def test_trials_that_were_not_asked_for_are_taken_in(
        self, strategy_type: StrategyType, extreme: str
    ) -> None:
        """Check that a search goes on after a plan of its own or of any other size."""
        problem = draw_problem(14)
        plan = problem.space.plan(getattr(problem.space, extreme))
        foreign = Trial(number=0, plan=plan, measurement=measured(problem, plan))
        trials = self._search(strategy_type, problem, told=[foreign])
        assert len(trials) > 1, "nothing was proposed after a foreign trial"
        assert all(t.measurement.stored_bytes <= problem.limit for t in trials[1:])

    @pytest.mark.parametrize("objective", OBJECTIVES)
    @pytest.mark.parametrize("distances", DISTANCES)
    def test_any_distance_can_be_told(
        self, strategy_type: StrategyType, objective: str, distances: str
    ) -> None:
        """Check that broken plans, and plans that cost nothing, do not stop a search."""
        problem = with_objective(draw_problem(18), objective)
        trials = self._search(strategy_type, problem, distances=DISTANCES[distances])
        assert trials, "nothing was proposed"
        assert all(t.measurement.stored_bytes <= problem.limit for t in trials)

    def test_variances_that_are_not_finite_can_be_told(self, strategy_type: StrategyType) -> None:
        """Check that a distance whose uncertainty is not known does not stop a search."""
        problem = draw_problem(18)
        plan = problem.space.plan(problem.space.smallest)
        theta, size = problem.space.theta(plan), problem.space.stored_bytes
        assert size(theta) <= problem.limit
        for variance in (math.inf, math.nan):
            told = [trial_of(problem.space, theta, distance=1.0, variance=variance)]
            assert len(self._search(strategy_type, problem, told=told)) > 1

    @pytest.mark.parametrize("objective", OBJECTIVES)
    @pytest.mark.parametrize("space", TINY)
    def test_a_search_of_a_tiny_space_ends_or_finds_new_plans(
        self, strategy_type: StrategyType, objective: str, space: str
    ) -> None:
        """Check that no evaluation is spent on a plan twice, also where there are few plans."""
        problem = with_objective(problem_of(*TINY[space]), objective)
        trials = self._search(strategy_type, problem, trials=MOST_PLANS + 1)
        assert 1 <= len(trials) <= MOST_PLANS
        assert len({str(plan) for plan in choices(trials)}) == len(trials)

    def test_plans_consist_of_plain_json_values(self, strategy_type: StrategyType) -> None:
        """Check that no numpy type gets into a plan."""
        for trial in self._search(strategy_type, draw_problem(20)):
            record = plan_record(trial.plan)
            assert json.loads(json.dumps(record)) == record
            for site, choice in record.items():
                assert type(site) is str
                assert type(choice["stored_bytes"]) is int

    def test_the_scan_and_the_trials_are_left_alone(self, strategy_type: StrategyType) -> None:
        """Check that a search does not change what it was given."""
        problem = draw_problem(21)
        before = problem.sensitivity.distortion.copy()
        self._search(strategy_type, problem)
        np.testing.assert_array_equal(problem.sensitivity.distortion, before)

    def _search(
        self,
        strategy_type: StrategyType,
        problem: Problem,
        *,
        trials: int | None = None,
        told: Sequence[Trial] = (),
        distances: Sequence[float | None] = (None,),
    ) -> list[Trial]:
        turns = cycle(distances)

        def measure(plan: Plan) -> Measurement:
            return measured(problem, plan, distance=next(turns))

        return explored(strategy_type(problem), measure, trials=trials or self.trials, told=told)
