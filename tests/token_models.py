"""Small models that read token ids, for tests of text, padding and pooling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

VOCABULARY, WIDTH, CLASSES = 1000, 32, 4
INPUTS = ("input_ids", "attention_mask")


def token_model(
    path: Path,
    *,
    length: int | str = "sequence",
    inputs: Sequence[str] = INPUTS,
    outputs: Sequence[str] = ("last_hidden_state",),
    noise: float = 0.0,
    vocabulary: int = VOCABULARY,
) -> Path:
    """Write a model with one vector for each token and what else `outputs` name.

    `last_hidden_state` is (1, T, WIDTH); `logits`, of the mean over the positions that the mask
    admits, (1, CLASSES); `token_logits` (1, T, CLASSES); `start_logits` (1, T).

    Args:
        path: Where to write it.
        length: Length of the sequence axis, or its symbol.
        inputs: Names of the inputs, of shape (batch, length).
        outputs: Names of the outputs.
        noise: How far the weights are moved, for a second model.
        vocabulary: Number of tokens.
    """
    weights = _weights(vocabulary, noise)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["embedded"]),
        helper.make_node("MatMul", ["embedded", "dense"], ["mixed"]),
        helper.make_node("Tanh", ["mixed"], ["last_hidden_state"]),
        *_heads(outputs),
    ]
    shapes = {
        "last_hidden_state": ["batch", length, WIDTH],
        "token_logits": ["batch", length, CLASSES],
        "start_logits": ["batch", length],
        "logits": ["batch", CLASSES],
    }
    graph = helper.make_graph(
        nodes,
        "tokens",
        [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", length]) for n in inputs],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shapes[n]) for n in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def _weights(vocabulary: int, noise: float) -> dict[str, np.ndarray]:
    generator, other = np.random.default_rng(0), np.random.default_rng(1)
    shapes = {
        "table": (vocabulary, WIDTH),
        "dense": (WIDTH, WIDTH),
        "head": (WIDTH, CLASSES),
        "start": (WIDTH, 1),
    }
    weights = {
        name: generator.standard_normal(shape) + noise * other.standard_normal(shape)
        for name, shape in shapes.items()
    }
    constants = {"one": np.array([1], np.int64), "last": np.array([-1], np.int64)}
    return {n: w.astype(np.float32) for n, w in weights.items()} | constants


def _heads(outputs: Sequence[str]) -> list[onnx.NodeProto]:
    found = []
    if "token_logits" in outputs:
        found.append(helper.make_node("MatMul", ["last_hidden_state", "head"], ["token_logits"]))
    if "start_logits" in outputs:
        found.append(helper.make_node("MatMul", ["last_hidden_state", "start"], ["starts"]))
        found.append(helper.make_node("Squeeze", ["starts", "last"], ["start_logits"]))
    if "logits" in outputs:
        found += [
            helper.make_node("Cast", ["attention_mask"], ["admitted"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["admitted", "last"], ["weights"]),
            helper.make_node("Mul", ["last_hidden_state", "weights"], ["kept"]),
            helper.make_node("ReduceSum", ["kept", "one"], ["sum"], keepdims=0),
            helper.make_node("ReduceSum", ["admitted", "one"], ["count"], keepdims=1),
            helper.make_node("Div", ["sum", "count"], ["mean"]),
            helper.make_node("MatMul", ["mean", "head"], ["logits"]),
        ]
    return found
