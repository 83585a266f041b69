"""How time and memory of a run grow with sites, parameters and inputs.

Each point is a run of its own, with plain codes and corrected biases unless `--recipe` says
otherwise, on a residual network of matrix products with seeded weights as external data and seeded
inputs. One axis varies at a time. Under each axis stand the exponents: the slopes of logarithms
over that of the axis. Memory is that of all processes of the run together: until the search has
ended, and from then on, when ONNX Runtime opens the written file and the original.

Points are kept in a file, so that an interrupted series goes on where it stopped:

    python benchmarks/scaling.py --results scaling.jsonl
    python benchmarks/scaling.py --results scaling.jsonl --axes parameters --most 1e9
    python benchmarks/scaling.py --results scaling.jsonl --table
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from peak_memory import run_measured
from results_file import ResultsFile
from synthetic_network import write_inputs, write_network

from zoo_compress.pipeline.folder import PENDING_FOLDER
from zoo_compress.recipe import load_recipe, recipe_yaml

SITES, PARAMETERS, INPUTS = 50, 4_000_000, 50
"""Where the other axes vary."""
AXES: Mapping[str, Sequence[int]] = {
    "sites": (10, 30, 100, 300, 1000),
    "parameters": (1_000_000, 10_000_000, 100_000_000, 1_000_000_000),
    "inputs": (16, 64, 250, 1000),
}
BUDGET, TRIALS, FRONTIER = "0.125", 8, 2
CERTIFIED = 200
STAGES = ("prepare", "calibrate", "rank", "scan", "search", "finish")
WITHIN = ("session", "forward", "encode")
OWN = Path(__file__).with_name("recipes")


@dataclass(frozen=True)
class Point:
    """One run."""

    axis: str
    sites: int
    parameters: int
    inputs: int
    recipe: str
    model_bytes: int
    seconds: float
    search_bytes: int
    finish_bytes: int
    evaluations: int
    proposals: int
    parts: Mapping[str, float]

    @property
    def value(self) -> int:
        """Where on its axis it lies, as asked for."""
        return int({"sites": self.sites, "inputs": self.inputs}.get(self.axis, self.parameters))


def main() -> None:
    """Run what is missing and print all there is."""
    asked = _arguments()
    results = ResultsFile(asked.results, Point)
    known = {(point.axis, point.value): point for point in results.read()}
    for axis in () if asked.table else asked.axes:
        for value in AXES[axis]:
            if (axis, value) not in known and (axis != "parameters" or value <= asked.most):
                known[axis, value] = _measure(axis, value, asked.recipe)
                results.add(known[axis, value])
                _print(list(known.values()))
    if asked.table:
        _print(list(known.values()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("scaling.jsonl"))
    parser.add_argument("--axes", nargs="+", choices=AXES, default=[*AXES])
    parser.add_argument("--most", type=float, default=1e8, help="parameters at most")
    parser.add_argument("--recipe", default="codes-bias", help="shipped or of this folder")
    parser.add_argument("--table", action="store_true", help="print the results file only")
    return parser.parse_args()


def _measure(axis: str, value: int, recipe: str) -> Point:
    sites, parameters, inputs = (
        value if axis == name else usual
        for name, usual in zip(AXES, (SITES, PARAMETERS, INPUTS), strict=True)
    )
    with tempfile.TemporaryDirectory(prefix="scaling-") as name:
        folder = Path(name)
        model = write_network(folder, layers=sites, weights=parameters)
        adapted = _recipe(folder, recipe, inputs)
        fitted = load_recipe(str(adapted)).fitting_inputs()
        data = write_inputs(folder, count=inputs + fitted + CERTIFIED)
        command = _command(model, data, adapted, folder / "run")
        mark = folder / "run" / PENDING_FOLDER
        ran = run_measured(command, folder / "log", mark=mark)
        report = json.loads((folder / "run" / "run.json").read_text("utf-8"))
        return Point(
            axis=axis,
            sites=sites,
            parameters=parameters,
            inputs=inputs,
            recipe=recipe,
            model_bytes=report["original_bytes"],
            seconds=round(ran.seconds, 2),
            search_bytes=ran.early_bytes,
            finish_bytes=ran.late_bytes,
            evaluations=report["evaluations"],
            proposals=report["evaluations"] - report["scan"]["measured"],
            parts=report["seconds"],
        )


def _recipe(folder: Path, name: str, inputs: int) -> Path:
    """Write a recipe with other numbers of inputs and of plans for the frontier."""
    own = OWN / f"{name}.yaml"
    recipe = load_recipe(str(own) if own.exists() else name)
    wanted = {"search_inputs": inputs, "frontier": FRONTIER}
    search = recipe.search.model_copy(update=wanted)
    path = folder / "recipe.yaml"
    path.write_text(recipe_yaml(recipe.model_copy(update={"search": search})), "utf-8")
    return path


def _command(model: Path, data: Path, recipe: Path, out: Path) -> list[str]:
    program = str(Path(sys.executable).with_name("zoo-compress"))
    options = {"budget": BUDGET, "data": data, "recipe": recipe, "trials": TRIALS, "out": out}
    return [program, "run", str(model)] + [
        text for name, value in options.items() for text in (f"--{name}", str(value))
    ]


def _print(points: Sequence[Point]) -> None:
    for axis in AXES:
        chosen = sorted((p for p in points if p.axis == axis), key=lambda p: p.value)
        if chosen:
            print("\n".join(_table(chosen)), end="\n\n", flush=True)


def _table(points: Sequence[Point]) -> Iterator[str]:
    """Yield the lines of a table, with the exponents under the points."""
    columns = ["parameters", "sites", "inputs", "model MB", "runs", "seconds", *STAGES, *WITHIN]
    columns += ["a proposal", "search MB", "/ model", "finish MB", "/ model"]
    rows = [_row(point) for point in points]
    if len(points) > 1:
        rows.append(_exponents(points))
    for row in (columns, ["---:"] * len(columns), *rows):
        yield f"| {' | '.join(row)} |"


def _row(point: Point) -> list[str]:
    megabytes = point.model_bytes / 1e6
    return [
        f"{point.parameters / 1e6:g} M",
        str(point.sites),
        str(point.inputs),
        f"{megabytes:.1f}",
        str(point.evaluations),
        f"{point.seconds:.0f}",
        *(f"{point.parts.get(part, 0):.0f}" for part in (*STAGES, *WITHIN)),
        f"{point.parts['propose'] / max(point.proposals, 1):.2f}",
        *(
            text
            for peak in (point.search_bytes / 1e6, point.finish_bytes / 1e6)
            for text in (f"{peak:.0f}", f"{peak / megabytes:.1f}")
        ),
    ]


def _exponents(points: Sequence[Point]) -> list[str]:
    def exponent(measured: Callable[[Point], float]) -> str:
        pairs = [(point.value, measured(point)) for point in points if measured(point) > 0]
        if len(pairs) < 2:
            return ""
        logs = np.log(np.array(pairs, float))
        return f"{np.polyfit(logs[:, 0], logs[:, 1], 1)[0]:.2f}"

    return ["exponent", "", "", "", *(exponent(measured) for measured in _measured()), ""]


def _measured() -> Iterator[Callable[[Point], float]]:
    yield lambda point: point.evaluations
    yield lambda point: point.seconds
    for part in (*STAGES, *WITHIN):
        yield lambda point, part=part: point.parts.get(part, 0.0)  # type: ignore[misc]
    yield lambda point: point.parts["propose"] / max(point.proposals, 1)
    yield lambda point: float(point.search_bytes)
    yield lambda point: 0.0
    yield lambda point: float(point.finish_bytes)


if __name__ == "__main__":
    main()
