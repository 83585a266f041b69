"""What removing channels and heads does to the outputs, before any weight is compressed.

For each share that stays: bytes of the file and multiplications for one pixel, token or image
(whatever the graph states) as shares of the original's; relative squared distance and changed top
answers on inputs that calibration did not see; with weights that make up for what goes, without,
and chosen by norms alone.

    python benchmarks/removal.py sample:efficientnet-lite0 --data photographs/ --shares 0.95 0.9
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from rich.console import Console
from rich.table import Table

from zoo_compress.core import Feed, Progress, ignore_progress
from zoo_compress.data.split import split_inputs
from zoo_compress.graph.channels.find import find_channels
from zoo_compress.graph.channels.groups import Channels
from zoo_compress.graph.channels.remove import Kept, remove_units
from zoo_compress.graph.channels.shapes import with_shapes
from zoo_compress.graph.load import load_model
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.graph.signature import signature
from zoo_compress.graph.write import serialized_bytes
from zoo_compress.hub.resolve import resolve
from zoo_compress.pipeline.inputs import gather_inputs
from zoo_compress.pipeline.prepare import prepare
from zoo_compress.pipeline.settings import cache_folder
from zoo_compress.runtime.evaluator import CpuEvaluator, Outputs, run_model
from zoo_compress.search.allocation import Path, allocate
from zoo_compress.stats.distances.squared_l2 import SquaredL2
from zoo_compress.techniques.intake import Intake, intakes
from zoo_compress.techniques.moments import input_moments
from zoo_compress.techniques.removal_choice import (
    Probe,
    kept_after,
    parted,
    removal_orders,
    scaled_by_outputs,
    smaller_weights,
)

MODES = {"compensated": (True, True), "plain": (True, False), "norms": (False, False)}
"""Name -> whether inputs choose what goes, and whether other weights make up for it."""


@dataclass(frozen=True)
class Subject:
    """A model, what is known of its channels, and inputs to compare on."""

    model: ir.Model
    original_bytes: int
    channels: Channels
    known: dict[str, Intake]
    fitted: Sequence[Feed]
    unseen: Sequence[Feed]
    reference: list[Outputs]


def main() -> None:
    """Print one row for each share and mode."""
    asked = _arguments()
    subject = _subject(asked)
    table = Table("stays", "how", "gone", "bytes", "products", "distance", "top answers")
    for share in asked.shares:
        for mode in asked.modes:
            row = _row(subject, share, asked.kinds, *MODES[mode])
            table.add_row(f"{share:g}", mode, *row)
            print(share, mode, *row, flush=True)
    Console(width=110).print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--data")
    parser.add_argument("--shares", nargs="+", type=float, default=[0.95, 0.9, 0.8])
    parser.add_argument("--kinds", nargs="+", default=["channels", "heads"])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=[*MODES])
    parser.add_argument("--fitted", type=int, default=100, help="calibration inputs")
    parser.add_argument("--unseen", type=int, default=200, help="inputs to compare on")
    return parser.parse_args()


def _subject(asked: argparse.Namespace) -> Subject:
    artifact = resolve(asked.source, cache=cache_folder(), progress=ignore_progress)
    specs = signature(load_model(artifact.model_path)).inputs
    inputs, _ = gather_inputs(artifact, specs, data=asked.data, search=50 + asked.fitted, seed=0)
    split = split_inputs(inputs, search=50, calibrate=asked.fitted, seed=0)
    fitted = inputs.subset(split.calibrate).feeds
    unseen = inputs.subset(split.certify[: asked.unseen]).feeds
    prepared = prepare(artifact, fitted[:4])
    model, sites = with_shapes(prepared.model), prepared.found.sites
    channels = find_channels(model)
    readers = [site for site in sites if site.name in intakes(model, channels, sites, {})]
    moments = input_moments(model, readers, parted(fitted)[1], seed=0)
    return Subject(
        model=model,
        original_bytes=artifact.stored_bytes,
        channels=channels,
        known=intakes(model, channels, sites, moments),
        fitted=fitted,
        unseen=unseen,
        reference=run_model(artifact.model_path, unseen),
    )


def _row(
    subject: Subject, share: float, kinds: Sequence[str], calibrated: bool, compensate: bool
) -> list[str]:
    kept = np.ones(len(subject.channels.bytes), bool)
    for kind in kinds:
        kept &= _kept(subject, kind, share, calibrated, compensate)
    weights = smaller_weights(subject.known, kept, compensate=compensate)
    pruned = remove_units(subject.model, kept, weights=weights)
    model, indices = to_compact_proto(pruned), range(len(subject.unseen))
    evaluator = CpuEvaluator(model, subject.unseen, replaceable=(), reference=subject.reference)
    found, distance = evaluator.outputs({}, indices), SquaredL2(subject.reference)
    pairs = zip(found, subject.reference, strict=True)
    changed = np.mean([a[0].argmax() != b[0].argmax() for a, b in pairs])
    return [
        ", ".join(_gone(subject.channels, kept, kind) for kind in kinds),
        f"{serialized_bytes(pruned) / subject.original_bytes:.3f}",
        f"{_products(pruned) / _products(subject.model):.3f}",
        f"{distance.relative(float(np.mean(distance(found, indices)))):.3g}",
        f"{changed:.1%}",
    ]


def _kept(subject: Subject, kind: str, share: float, calibrated: bool, compensate: bool) -> Kept:
    channels = subject.channels
    orders, _ = removal_orders(
        subject.model,
        channels,
        [group for group in channels.removable if group.kind == kind],
        subject.known,
        calibrated=calibrated,
        progress=lambda done, total: ignore_progress(Progress(stage="remove", done=done)),
    )
    if calibrated:
        probe = Probe(subject.model, subject.known, parted(subject.fitted)[0])
        orders = scaled_by_outputs(channels, orders, probe, share=1 - share, compensate=compensate)
    groups = [group for order in orders for group in order.groups]
    whole = sum(int(channels.bytes[group.units].sum()) for group in groups)
    paths = [Path(saved=order.saved, error=order.error) for order in orders]
    return kept_after(channels, orders, allocate(paths, (1 - share) * whole))


def _gone(channels: Channels, kept: Kept, kind: str) -> str:
    units = [unit for g in channels.removable if g.kind == kind for unit in g.units]
    return f"{int((~kept[units]).sum()) if units else 0} of {len(units)} {kind}"


def _products(model: ir.Model) -> float:
    """Return the multiplications with weights, axes of unknown length taken as 1."""
    total = 0.0
    for node in model.graph:
        weight = node.inputs[1].const_value if len(node.inputs) > 1 and node.inputs[1] else None
        shape = node.outputs[0].shape
        if node.op_type in ("Conv", "Gemm", "MatMul") and weight is not None and shape is not None:
            spatial = [n for n in shape[2:] if isinstance(n, int)]
            total += weight.size * (math.prod(spatial) if node.op_type == "Conv" else 1)
    return total


if __name__ == "__main__":
    main()
