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
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from zoo_compress.core import AnyArray, Plan, ignore_progress
from zoo_compress.data.split import split_inputs
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.study import Study, build_study
from zoo_compress.registry import load_plugin
from zoo_compress.runtime.evaluator import CpuEvaluator, Outputs
from zoo_compress.search.budget import Budget
from zoo_compress.search.frontier import best_trial
from zoo_compress.search.loop import run_trials
from zoo_compress.search.problem import Problem
from zoo_compress.search.store import TrialStore
from zoo_compress.stats.distances import output_distance

MODELS = ("efficientnet", "minilm", "resnet50")
BUDGETS = (0.25, 0.125, 0.1)
OWN = Path(__file__).with_name("recipes")
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
# What is left after these is held out by the split of every recipe.
SEARCHED, MOST_CALIBRATED = 50, 200
BGR_MEAN = (103.939, 116.779, 123.68)


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
    known = _read(arguments.results)
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


def _read(path: Path) -> list[Result]:
    if not path.exists():
        return []
    return [Result(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def _searches(
    model: str, recipe: str, arguments: argparse.Namespace, known: Sequence[Result]
) -> Iterator[Result]:
    done = {(r.model, r.recipe, r.budget, r.seed) for r in known}
    cases = [(budget, seed) for budget in arguments.budgets for seed in range(arguments.seeds)]
    missing = [case for case in cases if (model, recipe, *case) not in done]
    if not missing:
        return
    with tempfile.TemporaryDirectory() as folder:
        study = build_study(_settings(model, recipe, arguments, Path(folder)), ignore_progress)
        sensitivity = study.scan.run(ignore_progress)
        held_out = _HeldOut(study)
        for budget, seed in missing:
            start = time.perf_counter()
            limit = Budget.parse(str(budget)).limit_bytes(study.artifact.stored_bytes)
            problem = Problem(
                space=study.sized.space, limit_bytes=limit, sensitivity=sensitivity, seed=seed
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
                inputs=held_out.count,
                options=sum(map(len, study.sized.space.options)),
                seconds=round(time.perf_counter() - start, 1),
            )
            with arguments.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
            yield result


def _settings(model: str, recipe: str, arguments: argparse.Namespace, folder: Path) -> RunSettings:
    own = OWN / f"{recipe}.yaml"
    settings = RunSettings(
        source="sample:minilm-l6", budget="0.25", recipe=str(own) if own.exists() else recipe
    )
    if model == "minilm":
        return settings
    if model == "efficientnet":
        return replace(settings, source="sample:efficientnet-lite0", data=arguments.images)
    if not (arguments.resnet50 and arguments.images):
        raise SystemExit("resnet50 needs --resnet50 and --images")
    data = _bgr_inputs(arguments.resnet50, arguments.images, folder)
    return replace(settings, source=arguments.resnet50, data=str(data))


def _bgr_inputs(model: str, images: str, folder: Path) -> Path:
    import onnx

    prepared = [_bgr(path) for path in sorted(Path(images).glob("*.jpg"))]
    name = onnx.load(model, load_external_data=False).graph.input[0].name
    path = folder / "images.npz"
    np.savez(path, **{name: np.stack(prepared)})
    return path


def _bgr(path: Path) -> AnyArray:
    """Return the centre of a photograph, short side 256, as the Keras models take it."""
    with Image.open(path) as image:
        share = 256 / min(image.size)
        width, height = (round(length * share) for length in image.size)
        resized = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - 224) // 2, (height - 224) // 2
    pixels = np.asarray(resized.crop((left, top, left + 224, top + 224)), np.float32)
    return np.ascontiguousarray(
        (pixels[:, :, ::-1] - np.array(BGR_MEAN, np.float32)).transpose(2, 0, 1)
    )


class _HeldOut:
    """Measures plans on inputs that the split of no recipe uses."""

    def __init__(self, study: Study) -> None:
        split = split_inputs(
            study.inputs, search=SEARCHED, calibrate=MOST_CALIBRATED, seed=study.settings.seed
        )
        inputs = study.inputs.subset(split.certify)
        self._study = study
        self.count = len(inputs)
        evaluator = CpuEvaluator(
            to_compact_proto(study.prepared.model),
            inputs.feeds,
            replaceable=study.sized.space.tensors,
        )
        self._candidates = replace(study.candidates, evaluator=evaluator)
        self._distance = output_distance(study.distance.name, evaluator.reference)

    def figures(self, plan: Plan) -> tuple[float, float]:
        """Return the distance, and the disagreement or the mean cosine."""
        every = range(self.count)
        outputs = self._candidates.outputs(plan, every)
        pairs = list(zip(self._candidates.reference, outputs, strict=True))
        if self._study.task == "embedding":
            answer = float(np.mean([_cosine(*pair) for pair in pairs]))
        else:
            answer = float(np.mean([a[0].argmax() != b[0].argmax() for a, b in pairs]))
        return float(np.mean(self._distance(outputs, every))), answer


def _cosine(one: Outputs, other: Outputs) -> float:
    a, b = one[0].reshape(-1).astype(np.float64), other[0].reshape(-1).astype(np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


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
            f"cosine {answer:.4f}" if model == "minilm" else f"{answer:.1%}",
            f"{np.median([r.seconds for r in case]):.0f} s",
            str(len(case)),
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
