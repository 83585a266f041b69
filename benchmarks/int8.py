"""Integer arithmetic against ONNX Runtime's own quantization: distance, bytes and latency.

`cpu-speed` at its smallest plan stands beside `quantize_static` of the same model with the same
calibration inputs (QDQ, behind `quant_pre_process`; per channel, and its default, per tensor), and
`quantize_dynamic` for MiniLM. Distances are those of inputs that neither calibration nor search
saw. Latencies are of one input on two threads; all models take turns, and each round gives a ratio
to the original, so that what else the machine does falls on all of them. `processor` is the time
of the processor that the fastest run on one thread takes, relative to the original's, which other
work on the machine hardly changes.

    python benchmarks/int8.py --results int8.jsonl --models efficientnet --images photographs/
    python benchmarks/int8.py --results int8.jsonl --models minilm
    python benchmarks/int8.py --results int8.jsonl --models resnet50 \
        --resnet50 resnet50.onnx --images photographs/
    python benchmarks/int8.py --results int8.jsonl --table
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import process_time

import numpy as np
import onnxruntime
from cases import answer_text, model_settings
from onnxruntime.quantization import QuantFormat, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from peers.job import Reader
from rich.console import Console
from rich.table import Table

from zoo_compress.core import Feed, ignore_progress
from zoo_compress.pipeline.study import Study, build_study
from zoo_compress.pipeline.write import write_plan
from zoo_compress.runtime.evaluator import Outputs, run_model
from zoo_compress.stats.distances import output_distance

MODELS = ("efficientnet", "minilm", "resnet50")
THREADS = 2
# Inputs that every round runs once through every model.
ROUND = 3


@dataclass(frozen=True)
class Result:
    """One file; `answer` is a disagreement, for embeddings a mean cosine."""

    model: str
    tool: str
    ratio: float
    relative: float
    answer: float
    inputs: int
    calibrated: int
    latency: float
    low: float
    high: float
    milliseconds: float
    rounds: int
    load: float
    processor: float = float("nan")


def main() -> None:
    """Measure the models asked for and print all there is."""
    arguments = _arguments()
    if not arguments.table:
        for model in arguments.models:
            with tempfile.TemporaryDirectory() as folder, arguments.results.open("a") as file:
                for result in _compare(model, arguments, Path(folder)):
                    file.write(json.dumps(asdict(result)) + "\n")
    lines = arguments.results.read_text("utf-8").splitlines()
    _print([Result(**json.loads(line)) for line in lines])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("int8.jsonl"))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["efficientnet"])
    parser.add_argument("--recipe", default="cpu-speed")
    parser.add_argument("--images", help="photographs; the sample's own crops by default")
    parser.add_argument("--resnet50", help="a ResNet-50 that takes BGR minus the ImageNet means")
    parser.add_argument("--inputs", type=int, default=200, help="held-out inputs")
    parser.add_argument("--rounds", type=int, default=60, help="of latency")
    parser.add_argument("--table", action="store_true", help="print the results file only")
    return parser.parse_args()


def _compare(model: str, arguments: argparse.Namespace, folder: Path) -> Iterator[Result]:
    settings = model_settings(
        model,
        arguments.recipe,
        images=arguments.images,
        resnet50=arguments.resnet50,
        folder=folder,
    )
    study = build_study(replace(settings, budget="0.9"), ignore_progress)
    calibration = study.inputs.subset(study.split.calibrate).feeds
    files = {"fp32": study.artifact.model_path, **_ours(study, folder)}
    files |= _peers(study, calibration, folder)
    held_out = study.inputs.subset(study.split.certify[: arguments.inputs]).feeds
    reference = run_model(study.artifact.model_path, held_out)
    distance = output_distance(study.distance.name, reference)
    times = _latencies(files, held_out[:ROUND], arguments.rounds)
    spent = _latencies(files, held_out[:ROUND], arguments.rounds, threads=1, clock=process_time)
    for tool, path in files.items():
        outputs = reference if tool == "fp32" else run_model(path, held_out)
        ratios = np.array(times[tool]) / np.array(times["fp32"])
        found = float(np.mean(distance(outputs, range(len(outputs)))))
        yield Result(
            model=model,
            tool=tool,
            ratio=path.stat().st_size / study.artifact.stored_bytes,
            relative=distance.relative(found),
            answer=_answer(study, reference, outputs),
            inputs=len(held_out),
            calibrated=len(calibration),
            latency=float(np.median(ratios)),
            low=float(np.quantile(ratios, 0.25)),
            high=float(np.quantile(ratios, 0.75)),
            milliseconds=1e3 * float(np.min(times[tool])),
            rounds=arguments.rounds,
            load=round(_load(), 1),
            processor=float(np.min(spent[tool]) / np.min(spent["fp32"])),
        )


def _ours(study: Study, folder: Path) -> dict[str, Path]:
    space = study.sized.space
    path = folder / "ours.onnx"
    write_plan(study.prepared, space.plan(space.smallest), study.encoder, path)
    return {study.recipe.name: path}


def _peers(study: Study, feeds: Sequence[Feed], folder: Path) -> dict[str, Path]:
    prepared = folder / "prepared.onnx"
    # Symbolic shape inference gives up on the attention masks of MiniLM.
    quant_pre_process(
        str(study.artifact.model_path),
        str(prepared),
        skip_symbolic_shape=study.task == "embedding",
    )
    files = {}
    for name, per_channel in (("static per channel", True), ("static per tensor", False)):
        files[name] = folder / f"{name.replace(' ', '-')}.onnx"
        quantize_static(
            str(prepared),
            str(files[name]),
            Reader(feeds),
            quant_format=QuantFormat.QDQ,
            per_channel=per_channel,
        )
    if study.task == "embedding":
        files["dynamic"] = folder / "dynamic.onnx"
        quantize_dynamic(str(prepared), str(files["dynamic"]))
    return files


def _latencies(
    files: dict[str, Path],
    feeds: Sequence[Feed],
    rounds: int,
    *,
    threads: int = THREADS,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Return the time of each round, by file; within a round the files take turns."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    sessions = {
        tool: onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        for tool, path in files.items()
    }
    times: dict[str, list[float]] = {tool: [] for tool in files}
    for number in range(rounds + 1):
        for tool, session in sessions.items():
            # The best of a few: what interrupts a run only ever makes it longer.
            best = min(_seconds(session, feed, clock) for feed in feeds)
            if number:
                times[tool].append(best)
    return times


def _seconds(
    session: onnxruntime.InferenceSession, feed: Feed, clock: Callable[[], float]
) -> float:
    start = clock()
    session.run(None, dict(feed))
    return clock() - start


def _answer(study: Study, reference: Sequence[Outputs], outputs: Sequence[Outputs]) -> float:
    pairs = list(zip(reference, outputs, strict=True))
    if study.task == "embedding":
        return float(np.mean([_cosine(*pair) for pair in pairs]))
    return float(np.mean([a[0].argmax() != b[0].argmax() for a, b in pairs]))


def _cosine(one: Outputs, other: Outputs) -> float:
    a, b = one[0].reshape(-1).astype(np.float64), other[0].reshape(-1).astype(np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def _load() -> float:
    """Return the load of the machine over the last minute."""
    return os.getloadavg()[0]


def _print(results: Sequence[Result]) -> None:
    table = Table(
        "model", "tool", "R", "relative L", "answers", "latency", "quartiles", "processor", "load"
    )
    table.title = "held-out inputs; latency of batch 1 on two threads, relative to fp32"
    for result in results:
        table.add_row(
            result.model,
            result.tool,
            f"{result.ratio:.4f}",
            f"{result.relative:.4g}",
            answer_text(result.model, result.answer),
            f"{result.latency:.3f} ({result.milliseconds:.1f} ms)",
            f"{result.low:.3f} to {result.high:.3f}",
            f"{result.processor:.3f}",
            f"{result.load:g}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
