"""Compare techniques and repairs at equal bytes: one technique alone, repaired, and all mixed.

Every recipe gets the same budgets, its own scan, and the same number of evaluations beyond it; the
best plan of each, by the search inputs, is measured on inputs that neither repair nor search saw.
Results are kept in a file, so that an interrupted comparison goes on where it stopped.

    python benchmarks/techniques.py --results techniques.jsonl --models minilm
    python benchmarks/techniques.py --results techniques.jsonl --images photographs/
    python benchmarks/techniques.py --results techniques.jsonl --models resnet50 \
        --resnet50 resnet50.onnx --images photographs/
    python benchmarks/techniques.py --results techniques.jsonl --table
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cases import MODELS, HeldOut, answer_text, model_settings
from results_file import ResultsFile
from rich.console import Console
from rich.table import Table

from zoo_compress.core import ignore_progress
from zoo_compress.pipeline.study import build_study
from zoo_compress.registry import load_plugin
from zoo_compress.search.budget import Budget
from zoo_compress.search.frontier import best_trial
from zoo_compress.search.loop import run_trials
from zoo_compress.search.problem import Problem
from zoo_compress.search.store import TrialStore

BUDGETS = (0.25, 0.125, 0.1)
RECIPES = (
    "codes",
    "codes-bias",
    "codes-repaired",
    "codes-refit",
    "codes-equalised",
    "codebook",
    "codebook-repaired",
    "codebook-equalised",
    "balanced",
    "download-size",
)


@dataclass(frozen=True)
class Result:
    """One search with one recipe; `answer` is a disagreement, for embeddings a mean cosine."""

    model: str
    recipe: str
    budget: float
    seed: int
    ratio: float
    searched: float
    held_out: float
    relative: float
    answer: float
    inputs: int
    options: int
    seconds: float


def main() -> None:
    """Run what is missing and print all there is."""
    arguments = _arguments()
    known = ResultsFile(arguments.results, Result).read()
    if not arguments.table:
        for model in arguments.models:
            for recipe in arguments.recipes:
                known += list(_searches(model, recipe, arguments, known))
    _print(known)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("techniques.jsonl"))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["efficientnet"])
    parser.add_argument("--recipes", nargs="+", default=RECIPES)
    parser.add_argument("--budgets", nargs="+", type=float, default=BUDGETS)
    parser.add_argument("--strategy", default="gp")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--trials", type=int, default=60, help="evaluations beyond the scan")
    parser.add_argument("--images", help="photographs; the sample's own crops by default")
    parser.add_argument("--resnet50", help="a ResNet-50 that takes BGR minus the ImageNet means")
    parser.add_argument("--table", action="store_true", help="print the results file only")
    return parser.parse_args()


def _searches(
    model: str, recipe: str, arguments: argparse.Namespace, known: Sequence[Result]
) -> Iterator[Result]:
    done = {(r.model, r.recipe, r.budget, r.seed) for r in known}
    cases = [(budget, seed) for budget in arguments.budgets for seed in range(arguments.seeds)]
    missing = [case for case in cases if (model, recipe, *case) not in done]
    if not missing:
        return
    with tempfile.TemporaryDirectory() as folder:
        settings = model_settings(
            model,
            recipe,
            images=arguments.images,
            resnet50=arguments.resnet50,
            folder=Path(folder),
        )
        study = build_study(settings, ignore_progress)
        sensitivity = study.scan.run(ignore_progress)
        held_out = HeldOut(study)
        for budget, seed in missing:
            start = time.perf_counter()
            limit = Budget.parse(str(budget)).limit_bytes(study.artifact.stored_bytes)
            problem = Problem(
                space=study.sized.space, limit=limit, sensitivity=sensitivity, seed=seed
            )
            trials = run_trials(
                load_plugin("strategies", arguments.strategy)(problem),
                study.measurer.measure,
                TrialStore(Path(folder) / f"{budget}-{seed}.sqlite"),
                trials=arguments.trials,
            )
            best = best_trial(trials, problem.objective, limit)
            if best is None:
                print(f"{model}, {recipe}: no plan within {budget}")
                continue
            distance, answer = held_out.figures(best.plan)
            result = Result(
                model=model,
                recipe=recipe,
                budget=budget,
                seed=seed,
                ratio=best.measurement.stored_bytes / study.artifact.stored_bytes,
                searched=best.measurement.distance,
                held_out=distance,
                relative=study.distance.relative(distance),
                answer=answer,
                inputs=len(held_out.inputs),
                options=sum(map(len, study.sized.space.options)),
                seconds=round(time.perf_counter() - start, 1),
            )
            ResultsFile(arguments.results, Result).add(result)
            yield result


def _print(results: Sequence[Result]) -> None:
    table = Table(
        "model", "budget", "recipe", "R", "relative L", "disagreement", "search", "seeds"
    )
    table.title = "on inputs that neither repair nor search saw; medians of the seeds"
    for model, budget, recipe in dict.fromkeys((r.model, r.budget, r.recipe) for r in results):
        case = [r for r in results if (r.model, r.budget, r.recipe) == (model, budget, recipe)]
        answer = float(np.median([r.answer for r in case]))
        table.add_row(
            model,
            f"{budget:g}",
            recipe,
            f"{max(r.ratio for r in case):.4f}",
            f"{np.median([r.relative for r in case]):.4g}",
            answer_text(model, answer),
            f"{np.median([r.seconds for r in case]):.0f} s",
            str(len(case)),
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
