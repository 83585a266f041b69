"""Compare with onnxsim's low-bit and clustering output at the same bytes.

Every setting of `onnxsim_settings.py` is written as onnxsim writes it and once more without the
initializers that nothing reads: onnxsim keeps the weights that it replaced. That clean file is
measured on inputs that nothing saw, in a stock ONNX Runtime. For each of onnxsim's files that none
of its others beats in size and distance at once, zoo-compress searches with that file's size as
its budget; what it writes is measured in the same way. onnxsim calibrates with inputs that
zoo-compress searches or repairs with. Settings that fail or make no smaller file are listed too.

    python benchmarks/against_onnxsim.py --results onnxsim.jsonl --images photographs/
    python benchmarks/against_onnxsim.py --results onnxsim.jsonl --table
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from cases import MODELS, HeldOut, model_settings, widest_split
from results_file import ResultsFile
from rich.console import Console
from rich.table import Table

from zoo_compress.core import Feed, ignore_progress
from zoo_compress.errors import ZooCompressError
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.study import Study, build_study
from zoo_compress.pipeline.write import write_plan
from zoo_compress.registry import load_plugin
from zoo_compress.runtime.evaluator import run_model
from zoo_compress.runtime.race import compare_latency
from zoo_compress.search.budget import Budget
from zoo_compress.search.frontier import best_trial
from zoo_compress.search.loop import run_trials
from zoo_compress.search.problem import Problem
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.store import TrialStore

WORKER = Path(__file__).with_name("onnxsim_settings.py")
RECIPES = ("balanced", "download-size")
# Beyond this there is nothing left to compare: both are the original but for a few layers.
LARGEST_RATIO = 0.9
SECONDS = 900
PEER, OURS = "onnxsim", "zoo-compress"


@dataclass(frozen=True)
class Result:
    """A file, by a setting of onnxsim or by a recipe of zoo-compress with such a file's size.

    `written` and `ratio` are sizes as shares of the original's, as written and after the clean-up;
    `answer` is a disagreement, for embeddings a mean cosine; what was not measured is None.
    """

    model: str
    setting: str
    maker: str
    written: float | None = None
    ratio: float | None = None
    relative: float | None = None
    answer: float | None = None
    latency: float | None = None
    quartiles: tuple[float, float] | None = None
    verdict: str | None = None
    inputs: int | None = None
    seconds: float | None = None
    failure: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from others."""
        return self.model, self.setting, self.maker

    @property
    def runs(self) -> bool:
        """Whether it is a file of onnxsim that was measured and is smaller than the original."""
        return self.maker == PEER and self.relative is not None and self.size < LARGEST_RATIO

    @property
    def size(self) -> float:
        """The share of the original's bytes after the clean-up, infinite if there is no file."""
        return np.inf if self.ratio is None else self.ratio


@dataclass(frozen=True)
class Bench:
    """A model, and what files are measured on."""

    name: str
    study: Study
    held_out: HeldOut
    folder: Path

    def measured(self, file: Path, result: Result) -> Result:
        """Return the result with what a file of it does."""
        inputs = self.held_out.inputs
        distance, answer = self.held_out.figures_of(run_model(file, inputs.feeds))
        if not np.isfinite(distance):
            raise RuntimeError("its outputs are NaN or infinite")
        speed = compare_latency(self.study.artifact.model_path, file, inputs.feeds)
        return replace(
            result,
            relative=self.study.distance.relative(distance),
            answer=answer,
            latency=speed.ratio,
            quartiles=speed.quartiles,
            verdict=speed.verdict,
            inputs=len(inputs),
        )

    def share(self, *files: Path) -> float:
        """Return the bytes of files over those of the original."""
        return sum(file.stat().st_size for file in files) / self.study.artifact.stored_bytes


def main() -> None:
    """Run what is missing and print all there is."""
    arguments = _arguments()
    results = ResultsFile(arguments.results, Result)
    if not arguments.table:
        for model in arguments.models:
            with tempfile.TemporaryDirectory() as folder:
                _peer(model, arguments, results, Path(folder))
                for recipe in RECIPES:
                    _ours(model, recipe, arguments, results, Path(folder))
    _print(results.read())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("onnxsim.jsonl"))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["efficientnet"])
    parser.add_argument("--settings", nargs="+", help="of onnxsim; all by default")
    parser.add_argument("--calibrate", type=int, default=50, help="inputs that onnxsim gets")
    parser.add_argument("--trials", type=int, default=60, help="evaluations beyond the scan")
    parser.add_argument("--images", help="photographs; the sample's own crops by default")
    parser.add_argument("--resnet50", help="a ResNet-50 that takes BGR minus the ImageNet means")
    parser.add_argument("--table", action="store_true", help="print the results file only")
    return parser.parse_args()


def _settings(model: str, recipe: str, arguments: argparse.Namespace, folder: Path) -> RunSettings:
    return model_settings(
        model, recipe, images=arguments.images, resnet50=arguments.resnet50, folder=folder
    )


def _peer(
    model: str, arguments: argparse.Namespace, results: ResultsFile[Result], folder: Path
) -> None:
    """Let onnxsim write what is missing, and measure it."""
    from onnxsim_settings import SETTINGS

    done = {result.key for result in results.read()}
    wanted = [s for s in arguments.settings or SETTINGS if (model, s, PEER) not in done]
    if not wanted:
        return
    # Any recipe would do: nothing is searched.
    study = build_study(_settings(model, "codes", arguments, folder), ignore_progress)
    bench = Bench(model, study, HeldOut(study), folder)
    split = widest_split(study)
    seen = study.inputs.subset([*split.search, *split.calibrate])
    _write_feeds(_of_one_shape(seen.feeds)[: arguments.calibrate], folder / "feeds.npz")
    for setting in wanted:
        start = time.perf_counter()
        result = Result(model, setting, PEER)
        try:
            _run_worker(setting, study.artifact.model_path, folder)
            result = replace(
                result,
                seconds=round(time.perf_counter() - start, 1),
                written=bench.share(folder / "written.onnx"),
                ratio=bench.share(_clean(folder / "written.onnx", folder / "clean.onnx")),
            )
            if result.size > LARGEST_RATIO:
                raise RuntimeError("no smaller than the original")
            result = bench.measured(folder / "clean.onnx", result)
        except (RuntimeError, ZooCompressError) as error:
            reason = str(error).replace(f"{folder}/", "")
            result = replace(result, failure=" ".join(reason.split())[:300])
        results.add(result)
        print(result, flush=True)


def _of_one_shape(feeds: Sequence[Feed]) -> list[Feed]:
    """Return the samples of the most frequent shape: onnxsim's bias correction takes no others."""
    shapes = [tuple(array.shape for array in feed.values()) for feed in feeds]
    usual = Counter(shapes).most_common(1)[0][0]
    return [feed for feed, shape in zip(feeds, shapes, strict=True) if shape == usual]


def _write_feeds(feeds: Sequence[Feed], path: Path) -> None:
    arrays = {
        f"{sample}/{name}": array
        for sample, feed in enumerate(feeds)
        for name, array in feed.items()
    }
    np.savez(path, **arrays)


def _run_worker(setting: str, original: Path, folder: Path) -> None:
    """Run onnxsim in a process of its own, which may crash or take too long."""
    files = (original, folder / "feeds.npz", folder / "written.onnx")
    command = [sys.executable, str(WORKER), setting, *map(str, files)]
    try:
        made = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"not done within {SECONDS} s") from None
    if made.returncode:
        lines = made.stderr.strip().splitlines() or ["no message"]
        raise RuntimeError(f"exit status {made.returncode}: {lines[-1]}")


def _clean(written: Path, clean: Path) -> Path:
    """Drop the nodes and initializers that nothing reads."""
    import onnx_ir
    from onnx_ir.passes.common import RemoveUnusedNodesPass

    model = onnx_ir.load(written)
    RemoveUnusedNodesPass()(model)
    onnx_ir.save(model, clean)
    return clean


def _ours(
    model: str,
    recipe: str,
    arguments: argparse.Namespace,
    results: ResultsFile[Result],
    folder: Path,
) -> None:
    """Search with the size of each opponent's file as the budget, the smallest first."""
    maker, known = f"{OURS}, {recipe}", results.read()
    done = {result.key for result in known}
    opponents = _front([r for r in known if r.model == model and r.runs])
    wanted = [r for r in opponents if (model, r.setting, maker) not in done]
    if not wanted:
        return
    study = build_study(_settings(model, recipe, arguments, folder), ignore_progress)
    bench = Bench(model, study, HeldOut(study), folder)
    sensitivity = study.scan.run(ignore_progress)
    for opponent in wanted:
        result = _searched(bench, sensitivity, opponent, maker, trials=arguments.trials)
        results.add(result)
        print(result, flush=True)


def _front(results: Sequence[Result]) -> list[Result]:
    """Return the results that no smaller one is as close as, the smallest first."""
    front: list[Result] = []
    for result in sorted(results, key=lambda r: (r.size, r.relative)):
        if not front or result.relative < front[-1].relative:
            front.append(result)
    return front


def _searched(
    bench: Bench, sensitivity: Sensitivity, opponent: Result, maker: str, *, trials: int
) -> Result:
    start, study = time.perf_counter(), bench.study
    limit = Budget.parse(str(opponent.size)).limit_bytes(study.artifact.stored_bytes)
    problem = Problem(space=study.sized.space, limit=limit, sensitivity=sensitivity, seed=0)
    with tempfile.TemporaryDirectory() as store:
        found = run_trials(
            load_plugin("strategies", "gp")(problem),
            study.measurer.measure,
            TrialStore(Path(store) / "trials.sqlite"),
            trials=trials,
        )
    result = Result(bench.name, opponent.setting, maker)
    best = best_trial(found, problem.objective, limit)
    if best is None:
        return replace(result, failure=f"no plan within {limit} bytes")
    out = bench.folder / "ours.onnx"
    files = write_plan(study.prepared, best.plan, study.sized.techniques, study.encoder, out)
    seconds = round(time.perf_counter() - start, 1)
    ratio = bench.share(*files)
    return bench.measured(files[0], replace(result, written=ratio, ratio=ratio, seconds=seconds))


def _print(results: Sequence[Result]) -> None:
    table = Table("model", "setting", "maker", "as written", "R", "relative L")
    for column in ("over onnxsim's", "disagreement", "latency", "seconds"):
        table.add_column(column)
    table.title = "on inputs that nothing saw; R without the weights that nothing reads"
    opponents = {(r.model, r.setting): r for r in results if r.maker == PEER}
    for model, setting in sorted(opponents, key=lambda key: (key[0], opponents[key].size)):
        case = [r for r in results if (r.model, r.setting) == (model, setting)]
        for result in sorted(case, key=lambda r: r.maker):
            table.add_row(*_cells(result, opponents[model, setting]))
        table.add_section()
    Console(width=150).print(table)
    for result in results:
        if result.failure is not None:
            print(f"{result.model}, {result.setting}, {result.maker}: {result.failure}")


def _cells(result: Result, opponent: Result) -> list[str]:
    """Return the columns of a result; one that failed has no figures but its sizes."""
    names = [result.model, result.setting, result.maker]
    if result.failure is not None:
        return [*names, _number(result.written), _number(result.ratio), "fails"]
    answer = "-" if result.answer is None else f"{result.answer:.1%}"
    if result.model == "minilm":
        answer = f"cosine {result.answer:.4f}"
    versus = result.maker != PEER and result.relative and opponent.relative
    return [
        *names,
        _number(result.written),
        _number(result.ratio),
        f"{result.relative:.3g}",
        f"{result.relative / opponent.relative:.3g}" if versus else "",
        answer,
        f"{result.latency:.2f} {result.verdict}",
        f"{result.seconds:.0f}",
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


if __name__ == "__main__":
    main()
