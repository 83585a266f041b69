"""Models that differ from the classifier of `conftest` in one way each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.pipeline.conftest import classifier

Weights = Callable[[np.ndarray], np.ndarray]


def noisy(scale: float, output: str = "logits") -> onnx.ModelProto:
    """Return the classifier with noise of `scale` of each weight's spread."""
    generator = np.random.default_rng(3)
    return reweighted(lambda w: w + scale * w.std() * generator.standard_normal(w.shape), output)


def reweighted(change: Weights, output: str = "logits") -> onnx.ModelProto:
    """Return the classifier with other weights."""
    model = classifier(output)
    for tensor in model.graph.initializer:
        array = change(numpy_helper.to_array(tensor)).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    return model


def half() -> onnx.ModelProto:
    """Return the classifier with inputs, weights and outputs in half precision."""
    model = classifier()
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    return model


def infinite_where_bright() -> onnx.ModelProto:
    """Return the classifier with infinite logits for samples whose mean is above 0."""
    model = classifier("raw")
    constants = {"zero": np.zeros((1, 1), np.float32), "huge": np.full((1, 1), np.inf, np.float32)}
    model.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in constants.items()
    )
    model.graph.node.extend(
        [
            helper.make_node("Flatten", ["x"], ["flat"]),
            helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[1], keepdims=1),
            helper.make_node("Greater", ["mean", "zero"], ["bright"]),
            helper.make_node("Where", ["bright", "huge", "raw"], ["logits"]),
        ]
    )
    model.graph.output[0].name = "logits"
    return model


def renamed_input(name: str) -> onnx.ModelProto:
    """Return the classifier with another name for its input."""
    model = classifier()
    model.graph.input[0].name = name
    model.graph.node[0].input[0] = name
    return model


def saved(model: onnx.ModelProto, path: Path) -> Path:
    """Write a model and return its path."""
    onnx.save(model, path)
    return path
