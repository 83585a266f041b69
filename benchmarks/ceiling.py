"""How near to the machine's limit candidates run.

The ceiling comes first: the operations of the model's convolutions and matrix products over the
rate of a large matrix product, or the bytes that they move over the bandwidth of a large copy,
whichever takes longer, one after the other; both rates are measured by torch on the same device.
Then candidates, other weights for all that the recipe covers, run on the search inputs, as in a
search, but encoded beforehand. `share` is the ceiling over what they take.

    python benchmarks/ceiling.py --models efficientnet --images photographs/
    python benchmarks/ceiling.py --models resnet50 --resnet50 resnet50.onnx --images photographs/
    python benchmarks/ceiling.py --device cuda
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from cases import MODELS, model_settings
from graph_work import products, total
from rich.console import Console
from rich.table import Table

from zoo_compress.core import Plan, ignore_progress
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.pipeline.study import Study, build_study
from zoo_compress.runtime.evaluator import Evaluator

SIDE = 4096
"""Rows and columns of the matrices whose product tells the rate."""
COPIED = 1 << 28
"""Bytes of the copy that tells the bandwidth."""
ATTEMPTS = 5
WARM_UP = 3


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a device does at best, as torch reaches it.

    Attributes:
        rate: float32 operations a second, without TF32.
        bandwidth: Bytes a second, read and written.
    """

    rate: float
    bandwidth: float


def main() -> None:
    """Print a row for each model."""
    arguments = _arguments()
    machine = _machine(torch.device(arguments.device))
    table = Table("model", "ceiling", "candidate", "forward", "share", "of forward", "a second")
    table.title = (
        f"{arguments.device}: {machine.rate / 1e9:.0f} GFLOP/s in a large product, "
        f"{machine.bandwidth / 1e9:.0f} GB/s in a large copy"
    )
    table.caption = "a row: the samples of one candidate together; medians"
    for model in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            table.add_row(*_row(model, arguments, machine, Path(folder)))
    Console(width=110).print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["efficientnet"])
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--candidates", type=int, default=20, help="after those that warm up")
    parser.add_argument("--images", help="photographs; the sample's own crops by default")
    parser.add_argument("--resnet50", help="a ResNet-50 that takes BGR minus the ImageNet means")
    return parser.parse_args()


def _machine(device: torch.device) -> Machine:
    square = torch.rand(SIDE, SIDE, device=device)
    into = torch.empty_like(square)
    source = torch.rand(COPIED // 4, device=device)
    target = torch.empty_like(source)
    product = _fastest(lambda: torch.mm(square, square, out=into), device)
    copy = _fastest(lambda: target.copy_(source), device)
    return Machine(rate=2 * SIDE**3 / product, bandwidth=2 * COPIED / copy)


def _fastest(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of the fastest attempt."""
    found = []
    for _ in range(ATTEMPTS):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(time.perf_counter() - start)
    return min(found)


def _row(
    model: str, arguments: argparse.Namespace, machine: Machine, folder: Path
) -> Iterator[str]:
    settings = model_settings(
        model, "codes", images=arguments.images, resnet50=arguments.resnet50, folder=folder
    )
    study = build_study(replace(settings, device=arguments.device), ignore_progress)
    evaluator, samples = study.candidates.evaluator, len(study.split.search)
    feed = study.inputs.subset(study.split.search).feeds[0]
    found = products(to_compact_proto(study.prepared.model), feed)
    least = sum(p.seconds(samples, rate=machine.rate, bandwidth=machine.bandwidth) for p in found)
    operations, moved = total(found, samples)
    candidate, forward = _timed(study, evaluator, range(samples), arguments.candidates)
    yield f"{model}\n{samples} samples"
    yield f"{least:.3f} s\n{operations / 1e9:.0f} GFLOP\n{moved / 1e9:.1f} GB"
    yield f"{candidate:.3f} s"
    yield f"{forward:.3f} s"
    yield f"{least / candidate:.0%}"
    yield f"{least / forward:.0%}"
    yield f"{1 / candidate:.1f}"


def _timed(
    study: Study, evaluator: Evaluator, samples: Sequence[int], count: int
) -> tuple[float, float]:
    """Return the seconds that a candidate takes, and those of its forward passes: medians."""
    space = study.sized.space
    plans = [
        Plan(choices={s.name: o[at] for s, o in zip(space.sites, space.options, strict=True)})
        for at in (0, -1)
    ]
    weights = [study.encoder.dense(plan) for plan in plans]
    whole, forwards = [], []
    for turn in range(WARM_UP + count):
        before, start = evaluator.seconds["forward"], time.perf_counter()
        if evaluator.differences(weights[turn % 2], samples) is None:
            evaluator.outputs(weights[turn % 2], samples)
        whole.append(time.perf_counter() - start)
        forwards.append(evaluator.seconds["forward"] - before)
    middle = count // 2
    return sorted(whole[WARM_UP:])[middle], sorted(forwards[WARM_UP:])[middle]


if __name__ == "__main__":
    main()
