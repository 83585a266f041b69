"""Compare with what else makes an ONNX model smaller or faster: same model, inputs and machine.

1. Each peer makes its files, in an environment of its own (`make bench-peers` makes these), with
   inputs that zoo-compress searches or repairs with. Weights that nothing reads any more are
   dropped from them.
2. zoo-compress searches with the size of each of these files as its budget. With `cpu-speed` it
   writes its smallest file and the closest one that takes no longer than ONNX Runtime's static
   int8. For the least size Optuna's samplers search the same space too.
3. All are judged in one process on inputs that nothing saw; all take turns when they are timed.

Files and what making them took are kept, so that an interrupted comparison goes on.

    python benchmarks/against_peers.py --models efficientnet --images photographs/
    python benchmarks/against_peers.py --models minilm ppocr
    python benchmarks/against_peers.py --models resnet50 --resnet50 resnet50.onnx \
        --images photographs/
    python benchmarks/against_peers.py --results benchmarks/results/peers.jsonl --table
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from cases import MODELS, model_settings, widest_split
from judging import judged
from own_files import make_fast_file, make_file_as_fast, make_small_files, sizes_to_match
from peer_files import (
    PEERS,
    SECONDS,
    Entry,
    compared_file,
    make_files,
    prepare_folder,
    read_entries,
)
from peers_table import STATIC, Result, print_table
from results_file import ResultsFile

from zoo_compress.core import ignore_progress
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.study import Study, build_study

STEPS = ("peers", "ours", "judge")
SMALL, FAST = "download-size", "cpu-speed"


def main() -> None:
    """Do the steps asked for and print all there is."""
    arguments = _arguments()
    results = ResultsFile(arguments.results, Result)
    if not arguments.table:
        for model in arguments.models:
            _compare(model, arguments, results)
    print_table(results.read())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("runs/peers.jsonl"))
    parser.add_argument("--folder", type=Path, default=Path("runs/peers"), help="for the files")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["efficientnet"])
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    tools = [peer.tool for peer in PEERS]
    parser.add_argument("--peers", nargs="+", choices=tools, default=tools)
    parser.add_argument("--settings", nargs="+", help="of the peers named; the usual by default")
    parser.add_argument("--trials", type=int, default=60, help="evaluations beyond the scan")
    parser.add_argument("--images", help="photographs; the sample's own crops by default")
    parser.add_argument("--resnet50", help="a ResNet-50 that takes BGR minus the ImageNet means")
    parser.add_argument("--table", action="store_true", help="print the results file only")
    return parser.parse_args()


def _compare(model: str, arguments: argparse.Namespace, results: ResultsFile[Result]) -> None:
    parent = (arguments.folder / model).resolve()
    parent.mkdir(parents=True, exist_ok=True)
    settings = partial(
        model_settings,
        model,
        images=arguments.images,
        resnet50=arguments.resnet50,
        folder=parent,
    )
    # Any recipe would do here: nothing is searched.
    study = build_study(settings("codes"), ignore_progress)
    if "peers" in arguments.steps:
        _let_peers_make(study, arguments, parent)
    if "ours" in arguments.steps:
        _make_ours(settings, study, arguments, parent)
    if "judge" in arguments.steps:
        others = [result for result in results.read() if result.model != model]
        results.replace([*others, *judged(model, study, parent)])


def _let_peers_make(study: Study, arguments: argparse.Namespace, parent: Path) -> None:
    split = widest_split(study)
    prepare_folder(
        parent,
        study.artifact.model_path,
        calibrate=study.inputs.subset(split.calibrate).feeds,
        validate=study.inputs.subset(split.search).feeds,
    )
    print(f"each of the peers may take {SECONDS} s", flush=True)
    for peer in PEERS:
        if peer.tool in arguments.peers:
            _show(make_files(peer, arguments.settings or peer.settings, parent))


def _make_ours(
    settings: partial[RunSettings], study: Study, arguments: argparse.Namespace, parent: Path
) -> None:
    _show(make_fast_file(settings, FAST, parent))
    rival = compared_file(Entry(*STATIC), parent)
    _show(make_file_as_fast(settings, FAST, rival, study, parent))
    sizes = sizes_to_match(read_entries(parent), study.artifact.stored_bytes)
    _show(make_small_files(settings, SMALL, sizes, parent, trials=arguments.trials, samplers=True))


def _show(entries: Iterable[Entry]) -> None:
    for entry in entries:
        print(entry, flush=True)


if __name__ == "__main__":
    main()
