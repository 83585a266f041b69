"""What opening a compressed file takes: time of the processor, and memory for a moment and after.

Each technique stores the same network of matrix products; each file is opened in a process of its
own, on one thread. Memory is what opening adds to a process that has ONNX Runtime loaded, in
multiples of the original's weights.

    python benchmarks/opening.py
    python benchmarks/opening.py --techniques codes trellis-codes --layers 4
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from rich.console import Console
from rich.table import Table

from zoo_compress.core import Option
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.graph.sites import find_sites
from zoo_compress.registry import load_plugin

WIDTH = 1000
OPTIONS: dict[str, Sequence[dict[str, Any]]] = {
    "float16": [{}],
    "matmul-nbits": [{"bits": 4, "block_size": 32}],
    "codes": [{"bits": bits, "granularity": "channel"} for bits in (8, 4, 3, 2)],
    "codebook": [{"entries": n, "granularity": "tensor"} for n in (256, 16, 8)],
    "sparse": [{"density": 0.25, "values": "codebook", "entries": 16}],
    "prefix-codes": [{"short": 3, "long": 6, "share": 0.15}],
    "trellis-codes": [{"bits": bits} for bits in (4.5, 3.5, 2.9, 2.0)],
}


def main() -> None:
    """Write each file, open it, and print a table."""
    arguments = _arguments()
    if arguments.open:
        print(json.dumps(_opened(arguments.open)))
        return
    table = Table("stored as", "share of the bytes", "processor time", "peak", "afterwards")
    table.title = f"opening {arguments.layers} million weights; memory over that of the weights"
    with tempfile.TemporaryDirectory() as folder:
        for label, path in _files(arguments, Path(folder)):
            command = [sys.executable, __file__, "--open", str(path)]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            seconds, peak, after = json.loads(said)
            weights = 4 * WIDTH**2 * arguments.layers
            table.add_row(
                label,
                f"{path.stat().st_size / weights:.3f}",
                f"{seconds / arguments.layers:.3f} s a million",
                f"{peak / weights:.1f}",
                f"{after / weights:.1f}",
            )
    Console(width=100).print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--techniques", nargs="+", choices=OPTIONS, default=list(OPTIONS))
    parser.add_argument("--layers", type=int, default=10, help="of a million weights each")
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _files(arguments: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write the original and each technique's files, one at a time."""
    path = folder / "model.onnx"
    onnx.save(_network(arguments.layers), path)
    yield "original", path
    for name in arguments.techniques:
        for settings in OPTIONS[name]:
            onnx.save(_stored(_network(arguments.layers), name, settings), path)
            said = ", ".join(f"{key} {value}" for key, value in settings.items())
            yield f"{name} {said}", path


def _network(layers: int) -> onnx.ModelProto:
    """Return products with matrices, all of them the same numbers: each is encoded once."""
    matrix = np.random.default_rng(0).standard_normal((WIDTH, WIDTH)).astype(np.float32) / 32
    weights = [onnx.numpy_helper.from_array(matrix, f"w{layer}") for layer in range(layers)]
    nodes = [
        onnx.helper.make_node("MatMul", [f"x{layer}", f"w{layer}"], [f"x{layer + 1}"])
        for layer in range(layers)
    ]
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, WIDTH])
        for name in ("x0", f"x{layers}")
    ]
    graph = onnx.helper.make_graph(nodes, "products", ends[:1], ends[1:], weights)
    sets = [onnx.helper.make_opsetid("", 18)]
    return onnx.helper.make_model(graph, opset_imports=sets, ir_version=9)


def _stored(proto: onnx.ModelProto, name: str, settings: dict[str, Any]) -> onnx.ModelProto:
    technique = load_plugin("techniques", name)({})
    model = normalize(ir.from_proto(proto))
    option, encoded = Option(technique=name, settings=settings, stored_bytes=0), None
    for site in find_sites(model).sites:
        weight = model.graph.initializers[site.name].const_value
        assert weight is not None
        encoded = encoded or technique.encode(weight.numpy(), site, option)
        technique.rewrite(model, site, encoded)
    return to_compact_proto(model)


def _opened(path: Path) -> tuple[float, int, int]:
    """Return processor seconds of opening a file, and bytes that it adds, at most and at last."""
    from zoo_compress.runtime.session import open_session

    before, start = _status("VmRSS"), time.process_time()
    session = open_session(path, threads=1)
    seconds = time.process_time() - start
    after = _status("VmRSS")
    assert session.get_inputs()
    return seconds, _status("VmHWM") - before, after - before


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    main()
