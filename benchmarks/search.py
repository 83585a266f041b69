"""Compare search strategies at equal evaluations: four models, four budgets, five seeds.

Every strategy gets the same scan, the same space, the same byte budgets, decoded by the same
projection, and 60 evaluations of 50 inputs beyond the scan; the best plan of each, by the search
inputs, is measured on inputs that no search saw. `knapsack` is the one plan that all of them start
from. Optuna's samplers, where Optuna is installed, choose a level for every site, start from the
knapsack plan too, and have their choices projected onto the budget.

Results are kept in a file, so that an interrupted comparison goes on where it stopped, and parts
can run side by side:

    python benchmarks/search.py --results search.jsonl --models minilm ocr
    python benchmarks/search.py --results search.jsonl --models efficientnet --images photographs/
    python benchmarks/search.py --results search.jsonl --table
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
from optuna_strategy import SAMPLERS, OptunaStrategy
from results_file import ResultsFile
from rich.console import Console
from rich.table import Table

from zoo_compress.core import Plan, Strategy, Trial, ignore_progress
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.study import Study, build_study
from zoo_compress.registry import load_plugin
from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.search.budget import Budget
from zoo_compress.search.frontier import best_trial
from zoo_compress.search.loop import Measurer
from zoo_compress.search.problem import Problem
from zoo_compress.search.scan import scan_evaluations
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.stats.distances import output_distance

MODELS = ("efficientnet", "minilm", "ocr", "cifar")
BUDGETS = (0.25, 0.1875, 0.125, 0.1)
OWN = ("knapsack", "swap", "gp", "random")
HELD_OUT = 250
# Plain codes: this compares searches, not encodings or repairs.
RECIPE = str(Path(__file__).with_name("recipes") / "codes.yaml")
CIFAR_MEAN, CIFAR_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Result:
    """One search."""

    model: str
    budget: float
    strategy: str
    seed: int
    searched: float
    held_out: float
    ratio: float
    evaluations: int
    seconds: float
    propose_seconds: float

    @property
    def key(self) -> tuple[str, float, str, int]:
        """What tells it from other searches."""
        return self.model, self.budget, self.strategy, self.seed


@dataclass(frozen=True)
class Bench:
    """A model with its scan, and the means to measure plans on both sides of the split."""

    study: Study
    sensitivity: Sensitivity
    measurer: Measurer
    held_out: Sequence[int]

    def problem(self, budget: float, seed: int) -> Problem:
        """Return the search problem of a budget."""
        limit = Budget.parse(str(budget)).limit_bytes(self.study.artifact.stored_bytes)
        return Problem(
            space=self.study.sized.space,
            limit=limit,
            sensitivity=self.sensitivity,
            seed=seed,
        )

    def unseen_distance(self, plan: Plan) -> float:
        """Return the mean distance on the held-out inputs."""
        return replace(self.measurer, indices=self.held_out).measure(plan).distance


def main() -> None:
    """Run what is missing and print all there is."""
    arguments = _arguments()
    known = {result.key: result for result in ResultsFile(arguments.results, Result).read()}
    if not arguments.table:
        for model in arguments.models:
            _run_model(model, arguments, known)
    _print(list(known.values()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("search.jsonl"))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["efficientnet"])
    parser.add_argument("--budgets", nargs="+", type=float, default=BUDGETS)
    parser.add_argument("--strategies", nargs="+", default=["knapsack", "swap", "gp"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=60, help="evaluations beyond the scan")
    parser.add_argument("--threads", type=int, help="of ONNX Runtime; all cores by default")
    parser.add_argument("--images", help="photographs for efficientnet; its own by default")
    parser.add_argument("--cifar-model", help="a CIFAR-10 classifier, NCHW")
    parser.add_argument("--cifar-data", help=".npz with uint8 `images`, (n, 32, 32, 3)")
    parser.add_argument("--table", action="store_true", help="print the results file only")
    return parser.parse_args()


def _run_model(
    model: str, arguments: argparse.Namespace, known: dict[tuple[str, float, str, int], Result]
) -> None:
    wanted = [key for key in _keys(model, arguments) if key not in known]
    if not wanted:
        return
    with tempfile.TemporaryDirectory() as folder:
        bench = _bench(_settings(model, arguments, Path(folder)), arguments.threads)
        for _, budget, name, seed in wanted:
            result = _search(bench, model, budget, name, seed, trials=arguments.trials)
            known[result.key] = result
            ResultsFile(arguments.results, Result).add(result)


def _keys(model: str, arguments: argparse.Namespace) -> Iterator[tuple[str, float, str, int]]:
    """List the searches, one seed of every case before the next."""
    for seed in range(arguments.seeds):
        for budget in arguments.budgets:
            for name in arguments.strategies:
                if name != "knapsack" or seed == 0:
                    yield model, budget, name, seed


def _settings(model: str, arguments: argparse.Namespace, folder: Path) -> RunSettings:
    sources = {
        "efficientnet": ("sample:efficientnet-lite0", arguments.images),
        "minilm": ("sample:minilm-l6", None),
        "ocr": ("sample:ppocr-rec", None),
    }
    if model != "cifar":
        source, data = sources[model]
        return RunSettings(
            source=source, data=data, budget="0.25", recipe=RECIPE, distance="squared-l2"
        )
    if not (arguments.cifar_model and arguments.cifar_data):
        raise SystemExit("cifar needs --cifar-model and --cifar-data")
    data = str(_cifar_inputs(arguments.cifar_model, arguments.cifar_data, folder))
    return RunSettings(source=arguments.cifar_model, data=data, budget="0.25", recipe=RECIPE)


def _cifar_inputs(model: str, data: str, folder: Path) -> Path:
    import onnx

    with np.load(data) as arrays:
        images: npt.NDArray[np.float32] = arrays["images"][:1050].astype(np.float32) / 255
    scaled = (images - np.float32(CIFAR_MEAN)) / np.float32(CIFAR_DEVIATION)
    name = onnx.load(model).graph.input[0].name
    path = folder / "cifar.npz"
    np.savez(path, **{name: np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))})
    return path


def _bench(settings: RunSettings, threads: int | None) -> Bench:
    study = build_study(settings, ignore_progress)
    sensitivity = study.scan.run(ignore_progress)
    searched, unseen = study.split.search, study.split.certify[:HELD_OUT]
    inputs = study.inputs.subset([*searched, *unseen])
    evaluator = CpuEvaluator(
        to_compact_proto(study.prepared.model),
        inputs.feeds,
        replaceable=study.sized.space.tensors,
        threads=threads,
    )
    distance = output_distance("squared-l2", evaluator.reference)
    indices = range(len(searched))
    candidates = replace(study.candidates, evaluator=evaluator)
    measurer = replace(study.measurer, candidates=candidates, distance=distance, indices=indices)
    return Bench(study, sensitivity, measurer, range(len(searched), len(inputs)))


def _strategy(name: str, problem: Problem) -> Strategy:
    if name in SAMPLERS:
        return OptunaStrategy(problem, name)
    kind: Callable[[Problem], Strategy] = load_plugin("strategies", name)
    return kind(problem)


def _search(
    bench: Bench, model: str, budget: float, name: str, seed: int, *, trials: int
) -> Result:
    problem = bench.problem(budget, seed)
    start = time.perf_counter()
    strategy, found, proposing = _strategy(name, problem), list[Trial](), 0.0
    while len(found) < trials:
        asked = time.perf_counter()
        plan = strategy.ask()
        proposing += time.perf_counter() - asked
        if plan is None:
            break
        trial = Trial(number=len(found), plan=plan, measurement=bench.measurer.measure(plan))
        strategy.tell(trial)
        found.append(trial)
    seconds = time.perf_counter() - start
    best = best_trial(found, problem.objective, problem.limit)
    if best is None:
        raise RuntimeError(f"{name} found no plan within {problem.limit} bytes")
    return Result(
        model=model,
        budget=budget,
        strategy=name,
        seed=seed,
        searched=best.measurement.distance,
        held_out=bench.unseen_distance(best.plan),
        ratio=best.measurement.stored_bytes / bench.study.artifact.stored_bytes,
        evaluations=scan_evaluations(problem.space) + len(found),
        seconds=round(seconds, 3),
        propose_seconds=round(proposing, 3),
    )


def _print(results: Sequence[Result]) -> None:
    names = [name for name in (*OWN, *SAMPLERS) if any(r.strategy == name for r in results)]
    table = Table("model", "budget", "knapsack L", *names[1:], "proposing")
    table.title = "held-out L / that of knapsack: median (least to most) of the seeds"
    shares: dict[tuple[str, float], dict[str, float]] = {}
    for model, budget in dict.fromkeys((r.model, r.budget) for r in results):
        case = [r for r in results if (r.model, r.budget) == (model, budget)]
        base = next((r.held_out for r in case if r.strategy == "knapsack"), None)
        if base is None:
            continue
        ratios = {n: [r.held_out / base for r in case if r.strategy == n] for n in names[1:]}
        shares[model, budget] = {n: median(found) for n, found in ratios.items() if found}
        gp = [r.propose_seconds / r.seconds for r in case if r.strategy == "gp"]
        table.add_row(
            model,
            f"{budget:g}",
            f"{base:.4g}",
            *(_spread(found) for found in ratios.values()),
            f"{median(gp):.0%}" if gp else "",
        )
    Console(width=120).print(table)
    _verdict(shares)


def _spread(ratios: Sequence[float]) -> str:
    if not ratios:
        return "-"
    return f"{median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"


def _verdict(shares: dict[tuple[str, float], dict[str, float]]) -> None:
    cases = [case for case in shares.values() if "gp" in case]
    ahead = sum(case["gp"] <= min(1.0, case.get("swap", 1.0)) for case in cases)
    far = sum(case["gp"] <= 0.9 for case in cases)
    print(f"gp at or below swap and knapsack: {ahead} of {len(cases)} cases (goal 14 of 16)")
    print(f"gp at least 10 % below knapsack: {far} of {len(cases)} cases (goal 8 of 16)")
    for name in SAMPLERS:
        both: Iterable[dict[str, float]] = (case for case in cases if name in case)
        compared = [case["gp"] <= case[name] for case in both]
        if compared:
            print(f"gp at or below {name}: {sum(compared)} of {len(compared)} cases")
    if not importlib.util.find_spec("optuna"):
        print("Optuna is not installed here: its samplers were not run")


if __name__ == "__main__":
    main()
