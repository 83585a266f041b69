import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.pipeline import RunSettings, run

CLASSES = 32

QUICK_RECIPE = """\
name: quick
techniques: {codes: {bits: [8, 4]}}
repair: [bias-correction]
search: {search_inputs: 16, calibration_inputs: 16, scan_inputs: 4, frontier: 0}
"""


@dataclass(frozen=True)
class Case:
    """A small classifier with inputs of its own, in a folder."""

    model: Path
    data: Path
    out: Path

    @property
    def report(self) -> dict[str, Any]:
        """What the run says of itself."""
        found: dict[str, Any] = json.loads((self.out / "run.json").read_text("utf-8"))
        return found

    def settings(self, **changes: object) -> RunSettings:
        """Settings of a quick run; the model's output is named `logits`."""
        asked: dict[str, object] = {
            "source": str(self.model),
            "budget": "0.3",
            "data": str(self.data),
            "trials": 6,
            "out": self.out,
        }
        return RunSettings(**(asked | changes))  # type: ignore[arg-type]

    def quick(self, **changes: object) -> RunSettings:
        """Settings of a run in which the search hardly matters."""
        recipe = self.model.with_name("quick.yaml")
        recipe.write_text(QUICK_RECIPE)
        asked = {"recipe": str(recipe), "strategy": "knapsack", "trials": 1}
        return self.settings(**(asked | changes))


def make_case(home: Path) -> Case:
    """Write the classifier and its inputs into a folder."""
    onnx.save(classifier(), home / "model.onnx")
    samples = np.random.default_rng(1).standard_normal((120, 3, 8, 8)).astype(np.float32)
    np.savez(home / "data.npz", x=samples)
    return Case(home / "model.onnx", home / "data.npz", home / "run")


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return make_case(tmp_path)


@pytest.fixture(scope="session")
def default_run(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A finished run with the settings of `case`, made once, to be looked at only."""
    made = make_case(tmp_path_factory.mktemp("default"))
    run(made.settings())
    return made


@pytest.fixture(scope="session")
def knapsack_run(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The same with the strategy `knapsack`, which fits no model of what it has measured."""
    made = make_case(tmp_path_factory.mktemp("knapsack"))
    run(made.settings(strategy="knapsack"))
    return made


@pytest.fixture(scope="session")
def quick_run(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The same as `Case.quick` makes it."""
    made = make_case(tmp_path_factory.mktemp("quick"))
    run(made.quick())
    return made


@pytest.fixture
def quick_copy(quick_run: Case, tmp_path: Path) -> Case:
    """A copy of it, with its model and its inputs, to be changed."""
    return whole_copy_of(quick_run, tmp_path)


def copy_of(made: Case, home: Path) -> Case:
    """Copy a finished run, to change what is in its folder."""
    shutil.copytree(made.out, home / "run")
    return replace(made, out=home / "run")


def whole_copy_of(made: Case, home: Path) -> Case:
    """Copy a finished run, with the model and the inputs that it was made of."""
    copied = Case(home / "model.onnx", home / "data.npz", home / "run")
    shutil.copyfile(made.model, copied.model)
    shutil.copyfile(made.data, copied.data)
    shutil.copytree(made.out, copied.out)
    settings = RunSettings.load(copied.out)
    replace(settings, source=str(copied.model), data=str(copied.data)).save()
    return copied


def make_run(home: Path) -> Case:
    """Make a quick run of the classifier, under MIT, beside the folder of the original."""
    original = make_case(home)
    config = {"architectures": ["TinyForImageClassification"]}
    (home / "config.json").write_text(json.dumps(config))
    (home / "README.md").write_text("---\nlicense: mit\n---\n# Tiny\n")
    (home / "quick.yaml").write_text(QUICK_RECIPE)
    made = replace(original, out=home.with_name("made-run"))
    run(made.settings(trials=2, recipe=str(home / "quick.yaml")))
    return made


def classifier(output: str = "logits") -> onnx.ModelProto:
    """Two convolutions, a global mean and a dense layer; 55 kB of weights."""
    generator = np.random.default_rng(0)
    shapes = {"stem": (32, 3, 3, 3), "body": (40, 32, 3, 3), "head": (CLASSES, 40)}
    weights = {
        name: (generator.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        for name, shape in shapes.items()
    }
    nodes = [
        helper.make_node("Conv", ["x", "stem"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "body"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("GlobalAveragePool", ["d"], ["e"]),
        helper.make_node("Flatten", ["e"], ["f"]),
        helper.make_node("Gemm", ["f", "head"], [output], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
