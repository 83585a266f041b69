import json
from dataclasses import dataclass
from pathlib import Path

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


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return make_case(tmp_path)


def make_case(home: Path) -> Case:
    """Make the classifier and inputs for it in a folder."""
    onnx.save(classifier(), home / "model.onnx")
    samples = np.random.default_rng(1).standard_normal((120, 3, 8, 8)).astype(np.float32)
    np.savez(home / "data.npz", x=samples)
    return Case(home / "model.onnx", home / "data.npz", home / "run")


def make_run(home: Path) -> Case:
    """Make a quick run of the classifier, under MIT, beside the folder of the original."""
    onnx.save(classifier(), home / "model.onnx")
    samples = np.random.default_rng(1).standard_normal((120, 3, 8, 8)).astype(np.float32)
    np.savez(home / "data.npz", x=samples)
    config = {"architectures": ["TinyForImageClassification"]}
    (home / "config.json").write_text(json.dumps(config))
    (home / "README.md").write_text("---\nlicense: mit\n---\n# Tiny\n")
    (home / "quick.yaml").write_text(QUICK_RECIPE)
    made = Case(home / "model.onnx", home / "data.npz", home.with_name("made-run"))
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
