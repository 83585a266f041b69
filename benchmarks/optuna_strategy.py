"""Optuna's samplers as strategies of zoo-compress."""

from __future__ import annotations

import numpy as np

from zoo_compress.core import Plan, Trial
from zoo_compress.search.problem import Problem
from zoo_compress.search.projection import knapsack, project

SAMPLERS = {"optuna-tpe": "TPESampler", "optuna-gp": "GPSampler"}


class OptunaStrategy:
    """An Optuna sampler that chooses a level for every site; the choice is projected.

    It starts from the knapsack plan, as the strategies of zoo-compress do.
    """

    def __init__(self, problem: Problem, name: str) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._problem = problem
        kind = getattr(optuna.samplers, SAMPLERS[name])
        self._study = optuna.create_study(sampler=kind(seed=problem.seed))
        space = problem.space
        start = knapsack(problem.costs, problem.sensitivity.distortion, problem.limit)
        self._study.enqueue_trial(
            {s.name: int(t) for s, t in zip(space.sites, start, strict=True)}
        )
        self._trial: optuna.trial.Trial | None = None

    def ask(self) -> Plan:
        space, distortion = self._problem.space, self._problem.sensitivity.distortion
        self._trial = self._study.ask()
        levels = [
            self._trial.suggest_int(site.name, 0, int(count) - 1)
            for site, count in zip(space.sites, space.levels, strict=True)
        ]
        wanted = np.array(levels, np.int64)
        theta = project(self._problem.costs, wanted, distortion, self._problem.limit)
        return space.plan(theta)

    def tell(self, trial: Trial) -> None:
        self._study.tell(self._trial, float(np.log(trial.measurement.distance)))
