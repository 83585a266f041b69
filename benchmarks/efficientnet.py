"""Print how close zoo-compress keeps EfficientNet-Lite0 to the original, on unseen inputs.

For each budget: every weight rounded to a uniform width, the knapsack plan over the scan that
`gp` starts from and over a scan of all levels, and the `gp` strategy with several seeds.
Distances are on the certification inputs, which neither scan nor search saw. With labelled
photographs (`NNN_name.jpg`, NNN the class index) top-1 accuracy is printed too. An evaluation of
the scan runs 12 inputs, one of the search 50.

    python benchmarks/efficientnet.py                     # the sample's own photographs
    python benchmarks/efficientnet.py --data photographs/ # labelled ones
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from zoo_compress.core import AnyArray, Inputs, Plan, Strategy, Trial, ignore_progress
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.study import Study, build_study
from zoo_compress.registry import load_plugin
from zoo_compress.runtime.evaluator import CpuEvaluator, Outputs
from zoo_compress.search.budget import Budget
from zoo_compress.search.frontier import best_trial
from zoo_compress.search.loop import run_trials
from zoo_compress.search.problem import Problem
from zoo_compress.search.scan import scan_evaluations
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.store import TrialStore
from zoo_compress.stats.distances import Distance, output_distance
from zoo_compress.techniques.candidates import Candidates

SOURCE = "sample:efficientnet-lite0"
# Plain codes: this compares searches with rounding, not encodings or repairs.
RECIPE = str(Path(__file__).with_name("recipes") / "codes.yaml")
UNIFORM_BITS = {0.125: 4, 0.1875: 6}
"""The budgets, and the plain rounding that each is compared with (as large, or larger)."""
GOALS = {0.125: 1 / 6, 0.1875: 1 / 10}


@dataclass(frozen=True)
class Figures:
    """What the held-out inputs say of a model; accuracy is NaN without labels."""

    distance: float
    disagreement: float
    accuracy: float


@dataclass(frozen=True)
class HeldOut:
    """Measures weights on inputs that the search never saw."""

    inputs: Inputs
    candidates: Candidates
    distance: Distance

    def of_weights(self, weights: Mapping[str, AnyArray]) -> Figures:
        """Return the figures of weights in the original's graph."""
        return self._figures(self.candidates.evaluator.outputs(weights, self._every))

    def of_plan(self, plan: Plan) -> Figures:
        """Return the figures of a plan."""
        return self._figures(self.candidates.outputs(plan, self._every))

    @property
    def _every(self) -> range:
        return range(len(self.inputs))

    def _figures(self, outputs: Sequence[Outputs]) -> Figures:
        """Return distance, disagreement with the original, and top-1 accuracy."""
        top = np.array([int(out[0].argmax()) for out in outputs])
        reference = np.array([int(out[0].argmax()) for out in self.candidates.reference])
        labels = self.inputs.labels
        accuracy = float("nan") if labels is None else float(np.mean(top == np.array(labels)))
        distance = float(self.distance(outputs, self._every).mean())
        return Figures(distance, float(np.mean(top != reference)), accuracy)


def main() -> None:
    """Run the comparison and print it."""
    arguments = _arguments()
    settings = RunSettings(
        source=SOURCE, budget="0.125", data=arguments.data, recipe=RECIPE, seed=0
    )
    study = build_study(settings, ignore_progress)
    held_out = _held_out(study)
    space = study.sized.space
    print(f"{SOURCE}: {len(space.sites)} sites, search on {len(study.split.search)} inputs")
    print(f"held out: {len(held_out.inputs)} of {study.inputs.description}")
    print(f"variance of the original's outputs: {held_out.distance.scale:.0f}\n")
    print(f"{'':34}{'R':>7}{'L':>10}{'disagree':>10}{'top-1':>8}{'evaluations':>13}")
    _print("original", 1.0, held_out.of_weights({}), 0)
    scan = study.scan.run(ignore_progress)
    full = replace(study.scan, every=True).run(ignore_progress)
    for budget in UNIFORM_BITS:
        _compare(study, held_out, budget, scan=scan, full=full, arguments=arguments)


def _compare(
    study: Study,
    held_out: HeldOut,
    budget: float,
    *,
    scan: Sensitivity,
    full: Sensitivity,
    arguments: argparse.Namespace,
) -> None:
    """Print the rows of one budget and whether its goals are met."""
    space, bits = study.sized.space, UNIFORM_BITS[budget]
    print(f"budget {budget}")
    plain = held_out.of_weights(_rounded(study, bits))
    _print(f"uniform {bits}-bit rounding", _uniform_ratio(study, bits), plain, 0)
    knapsacks = []
    for name, sensitivity in {"the same scan": scan, "all levels scanned": full}.items():
        ratio, found = _searched(
            study, held_out, "knapsack", sensitivity, budget, seed=0, trials=1
        )
        evaluations = scan_evaluations(space, every=sensitivity is full) + 1
        _print(f"knapsack, {name}", ratio, found, evaluations)
        knapsacks.append(found.distance)
    distances = []
    for seed in range(arguments.seeds):
        ratio, found = _searched(
            study, held_out, "gp", scan, budget, seed=seed, trials=arguments.trials
        )
        _print(f"gp, seed {seed}", ratio, found, scan_evaluations(space) + arguments.trials)
        distances.append(found.distance)
    median = float(np.median(distances))
    share = median / plain.distance
    met = "met" if share <= GOALS[budget] else "MISSED"
    print(f"  gp / uniform {bits}-bit: {share:.4f} (goal {GOALS[budget]:.4f}: {met})")
    same, every = (median / distance for distance in knapsacks)
    met = "met" if same <= 1 else "MISSED"
    print(
        f"  gp, median of {arguments.seeds} / knapsack, the same scan: {same:.3f} (goal 1: {met})"
    )
    print(f"  gp, median of {arguments.seeds} / knapsack, all levels scanned: {every:.3f}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder of images; the sample's own by default")
    parser.add_argument("--seeds", type=int, default=5, help="seeds of gp")
    parser.add_argument("--trials", type=int, default=60, help="evaluations beyond the scan")
    return parser.parse_args()


def _held_out(study: Study) -> HeldOut:
    inputs = study.inputs.subset(study.split.certify)
    proto = to_compact_proto(study.prepared.model)
    evaluator = CpuEvaluator(proto, inputs.feeds, replaceable=study.sized.space.tensors)
    candidates = replace(study.candidates, evaluator=evaluator)
    return HeldOut(inputs, candidates, output_distance("squared-l2", evaluator.reference))


def _searched(
    study: Study,
    held_out: HeldOut,
    strategy: str,
    scan: Sensitivity,
    budget: float,
    *,
    seed: int,
    trials: int,
) -> tuple[float, Figures]:
    """Search and return the size ratio and the held-out figures of the best plan."""
    best = _best(study, strategy, scan, budget, seed=seed, trials=trials)
    ratio = best.measurement.stored_bytes / study.artifact.stored_bytes
    return ratio, held_out.of_plan(best.plan)


def _best(
    study: Study, strategy: str, scan: Sensitivity, budget: float, *, seed: int, trials: int
) -> Trial:
    limit = Budget.parse(str(budget)).limit_bytes(study.artifact.stored_bytes)
    problem = Problem(space=study.sized.space, limit=limit, sensitivity=scan, seed=seed)
    plugin: Strategy = load_plugin("strategies", strategy)(problem)
    with tempfile.TemporaryDirectory() as folder:
        found = run_trials(
            plugin,
            study.measurer.measure,
            TrialStore(Path(folder) / "trials.sqlite"),
            trials=trials,
            deadline=None,
            progress=ignore_progress,
        )
    best = best_trial(found, problem.objective, limit)
    if best is None:
        raise RuntimeError(f"{strategy} found no plan within {limit} bytes")
    return best


def _rounded(study: Study, bits: int) -> dict[str, AnyArray]:
    """Round every weight to the symmetric grid with step max|w| / (2^(bits-1) - 1) a channel."""
    weights = study.prepared.weights()
    rounded = {}
    for site in study.sized.space.sites:
        weight = weights[site.name]
        axes = tuple(axis for axis in range(weight.ndim) if axis != site.channel_axis)
        step = np.abs(weight).max(axis=axes, keepdims=True) / (2 ** (bits - 1) - 1)
        step = np.where(step > 0, step, 1).astype(np.float32)
        rounded[site.name] = np.rint(weight / step) * step
    return rounded


def _uniform_ratio(study: Study, bits: int) -> float:
    """Return the size ratio of uniform codes: codes, one float32 step a channel, and the rest."""
    space = study.sized.space
    codes = sum(site.elements * bits / 8 for site in space.sites)
    steps = sum(4 * site.shape[site.channel_axis] for site in space.sites)
    return float((space.fixed_bytes + codes + steps) / study.artifact.stored_bytes)


def _print(name: str, ratio: float, figures: Figures, evaluations: int) -> None:
    accuracy = "-" if np.isnan(figures.accuracy) else f"{figures.accuracy:.1%}"
    print(
        f"  {name:32}{ratio:7.4f}{figures.distance:10.1f}{figures.disagreement:10.1%}"
        f"{accuracy:>8}{evaluations:13d}",
        flush=True,
    )


if __name__ == "__main__":
    main()
