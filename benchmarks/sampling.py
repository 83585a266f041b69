"""Compare ways to choose the inputs that each candidate is measured on, with the gp strategy.

`common`: all candidates see the same 50 inputs. `fresh`: each sees 50 of its own out of 200, its
noise then being all of Var(L). `adaptive`: each sees 16 inputs first; one that is worse than the
best so far there, by two standard errors of the paired log ratio, is left at that, with that
estimate and its variance, and the others see all 50. `adaptive` gets the wall time that `common`
took for its 60 evaluations. Held-out distances are on inputs that no search saw.

    python benchmarks/sampling.py [--source SOURCE] [--data DATA] [--budget 0.125] [--seeds 3]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Measurement, Plan, Trial, ignore_progress
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.study import build_study
from zoo_compress.registry import load_plugin
from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.search.budget import Budget
from zoo_compress.search.loop import Measurer
from zoo_compress.search.problem import Problem
from zoo_compress.search.strategies.gp_model import SHARE_OF_NOISE_NOT_COMMON
from zoo_compress.stats.distances import output_distance

# Plain codes: this compares ways to choose inputs, not encodings or repairs.
RECIPE = str(Path(__file__).with_name("recipes") / "codes.yaml")
FULL, FIRST, POOL, HELD_OUT = 50, 16, 200, 150
LOSER = 2.0


class Common:
    """The same inputs for every candidate."""

    def __init__(self, measurer: Measurer) -> None:
        self._measurer = replace(measurer, indices=range(FULL))

    def measure(self, plan: Plan) -> Measurement:
        return self._measurer.measure(plan)


class Fresh:
    """Inputs of its own for every candidate; the strategy is told that none of it is common."""

    def __init__(self, measurer: Measurer) -> None:
        self._measurer = measurer
        self._rng = np.random.default_rng(0)

    def measure(self, plan: Plan) -> Measurement:
        indices = self._rng.choice(POOL, FULL, replace=False)
        found = replace(self._measurer, indices=[int(i) for i in indices]).measure(plan)
        return replace(found, variance=found.variance / SHARE_OF_NOISE_NOT_COMMON)


@dataclass
class Adaptive:
    """A few inputs for losers, all of them for contenders."""

    measurer: Measurer
    best: npt.NDArray[np.float64] | None = None
    losers: int = 0

    def measure(self, plan: Plan) -> Measurement:
        first = self._distances(plan, range(FIRST))
        loser = self._as_loser(plan, first)
        if loser is not None:
            self.losers += 1
            return loser
        every = np.concatenate([first, self._distances(plan, range(FIRST, FULL))])
        if self.best is None or every.mean() < self.best.mean():
            self.best = every
        return self._measurement(plan, float(every.mean()), float(every.var(ddof=1) / FULL), FULL)

    def _as_loser(self, plan: Plan, first: npt.NDArray[np.float64]) -> Measurement | None:
        if self.best is None:
            return None
        ratio = first.mean() / self.best[:FIRST].mean()
        spread = first / first.mean() - self.best[:FIRST] / self.best[:FIRST].mean()
        error = float(spread.std(ddof=1) / np.sqrt(FIRST))
        if np.log(ratio) < LOSER * error:
            return None
        distance = float(ratio * self.best.mean())
        variance = (distance * error) ** 2 / SHARE_OF_NOISE_NOT_COMMON
        return self._measurement(plan, distance, variance, FIRST)

    def _distances(self, plan: Plan, indices: Sequence[int]) -> npt.NDArray[np.float64]:
        return self.measurer.distance(self.measurer.candidates.outputs(plan, indices), indices)

    def _measurement(self, plan: Plan, distance: float, variance: float, n: int) -> Measurement:
        size = self.measurer.space.stored_bytes(self.measurer.space.theta(plan))
        return Measurement(distance=distance, variance=variance, inputs=n, stored_bytes=size)


def main() -> None:
    """Print the held-out distances of the three ways, as shares of the knapsack plan's."""
    arguments = _arguments()
    measurer, problem_of = _set_up(arguments)
    unseen = replace(measurer, indices=range(POOL, POOL + HELD_OUT))
    start = load_plugin("strategies", "knapsack")(problem_of(0)).ask()
    base = unseen.measure(start).distance
    print(f"{arguments.source} at {arguments.budget}: knapsack {base:.4g} held out")
    shares: dict[str, list[float]] = {}
    for seed in range(arguments.seeds):
        trials, seconds = _search(problem_of(seed), Common(measurer).measure, most=60)
        rows = {"common": (trials, seconds)}
        rows["fresh"] = _search(problem_of(seed), Fresh(measurer).measure, most=60)
        rows["adaptive"] = _search(
            problem_of(seed), Adaptive(measurer).measure, most=1000, limit=seconds
        )
        for name, (found, spent) in rows.items():
            full = [trial for trial in found if trial.measurement.inputs == FULL]
            best = min(full, key=lambda trial: trial.measurement.distance)
            share = unseen.measure(best.plan).distance / base
            shares.setdefault(name, []).append(share)
            print(
                f"  seed {seed}  {name:9} {share:.3f} of knapsack  {len(found)} evaluations, "
                f"{len(found) - len(full)} of {FIRST} inputs, {spent:.0f} s",
                flush=True,
            )
    for name, found in shares.items():
        print(f"  median    {name:9} {median(found):.3f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default="sample:efficientnet-lite0")
    parser.add_argument("--data")
    parser.add_argument("--budget", default="0.125")
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


def _set_up(arguments: argparse.Namespace) -> tuple[Measurer, Callable[[int], Problem]]:
    settings = RunSettings(
        source=arguments.source, data=arguments.data, budget=arguments.budget, recipe=RECIPE
    )
    study = build_study(settings, ignore_progress)
    sensitivity = study.scan.run()
    # The scan saw search inputs; pool and held-out inputs are split off from both sides.
    order = [*study.split.search, *study.split.certify][: POOL + HELD_OUT]
    inputs = study.inputs.subset(order)
    evaluator = CpuEvaluator(
        to_compact_proto(study.prepared.model),
        inputs.feeds,
        replaceable=study.sized.space.tensors,
    )
    distance = output_distance("squared-l2", evaluator.reference)
    limit = Budget.parse(arguments.budget).limit_bytes(study.artifact.stored_bytes)
    candidates = replace(study.candidates, evaluator=evaluator)
    measurer = replace(study.measurer, candidates=candidates, distance=distance, top_answers=False)

    def problem_of(seed: int) -> Problem:
        return Problem(space=study.sized.space, limit=limit, sensitivity=sensitivity, seed=seed)

    return measurer, problem_of


def _search(
    problem: Problem,
    measure: Callable[[Plan], Measurement],
    *,
    most: int,
    limit: float = np.inf,
) -> tuple[list[Trial], float]:
    strategy, found = load_plugin("strategies", "gp")(problem), list[Trial]()
    start = time.perf_counter()
    while len(found) < most and time.perf_counter() - start < limit:
        plan = strategy.ask()
        if plan is None:
            break
        trial = Trial(number=len(found), plan=plan, measurement=measure(plan))
        strategy.tell(trial)
        found.append(trial)
    return found, time.perf_counter() - start


if __name__ == "__main__":
    main()
