"""Networks of any number of layers and weights, with inputs to run them on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Matrix = npt.NDArray[np.float32]

FEATURES, CLASSES = 64, 32
# Spectra of trained matrices fall off about like this, over a floor of what looks like noise.
DIRECTIONS, DECAY, FLOOR = 32, 0.7, 0.5
# Inputs have so many independent causes, and so does most of what is inside of real networks.
CAUSES = 24
SUM_OF_LAYERS = 4
"""What the inner layers add together, in units of what the first one gives."""
DATA_FILE = "model.onnx.data"


def layer_width(layers: int, weights: int) -> int:
    """Return the width, a multiple of 8, at which so many layers hold about so many weights."""
    inner, ends = layers - 2, FEATURES + CLASSES
    return 8 * round((math.sqrt(ends**2 + 4 * inner * weights) - ends) / (16 * inner))


def write_network(folder: Path, *, layers: int, weights: int, seed: int = 0) -> Path:
    """Write a residual network of matrix products, its weights beside it as external data.

    Each inner layer adds ReLU(x W + b) to what it reads. Weights are drawn layer by layer, so that
    memory for one is enough.

    Args:
        folder: Where to.
        layers: Layers with a weight each, three at least.
        weights: How many weights all of them have, about.
        seed: Seed of the weights.
    """
    width, rng = layer_width(layers, weights), np.random.default_rng(seed)
    nodes, stored, offset, read = [], [], 0, "x"
    with (folder / DATA_FILE).open("wb") as file:
        for number, (rows, columns) in enumerate(_shapes(layers, width)):
            inner = 0 < number < layers - 1
            # What many layers add must stay of the size of what they add it to.
            weight = _weight(rows, columns, rng)
            weight *= SUM_OF_LAYERS / layers if inner else 1
            file.write(weight.tobytes())
            stored.append(_reference(f"layer{number}.weight", weight, offset))
            bias = (0.1 * SUM_OF_LAYERS / layers * rng.standard_normal(columns)).astype(np.float32)
            stored.append(numpy_helper.from_array(bias, f"layer{number}.bias"))
            offset += weight.nbytes
            made, read = _layer(number, read, residual=inner)
            nodes += made
    nodes[-1].output[0] = "logits"
    graph = helper.make_graph(nodes, "residual", *_ports(), initializer=stored)
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), folder / "model.onnx")
    return folder / "model.onnx"


def write_inputs(folder: Path, *, count: int, seed: int = 1) -> Path:
    """Write inputs whose features depend on each other, as an `.npz` file."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((CAUSES, FEATURES)) / math.sqrt(CAUSES)
    causes = rng.standard_normal((count, CAUSES))
    features = causes @ mixing + 0.1 * rng.standard_normal((count, FEATURES))
    np.savez(folder / "inputs.npz", x=features.astype(np.float32))
    return folder / "inputs.npz"


def _shapes(layers: int, width: int) -> Iterator[tuple[int, int]]:
    yield FEATURES, width
    for _ in range(layers - 2):
        yield width, width
    yield width, CLASSES


def _weight(rows: int, columns: int, rng: np.random.Generator) -> Matrix:
    """Return a matrix of a decaying spectrum whose products keep the power of what they read."""
    count = min(DIRECTIONS, rows, columns)
    strength = (np.arange(1, count + 1) ** -DECAY).astype(np.float32)
    left = rng.standard_normal((rows, count), np.float32) * (strength / np.linalg.norm(strength))
    weight = left @ rng.standard_normal((count, columns), np.float32)
    weight += FLOOR * rng.standard_normal((rows, columns), np.float32)
    # Channels differ in size, as they do in trained networks.
    weight *= np.exp(0.3 * rng.standard_normal(columns, np.float32)) / math.sqrt(rows)
    return weight


def _reference(name: str, weight: Matrix, offset: int) -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=weight.shape)
    tensor.data_location = TensorProto.EXTERNAL
    entries = {"location": DATA_FILE, "offset": offset, "length": weight.nbytes}
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def _layer(number: int, read: str, *, residual: bool) -> tuple[list[onnx.NodeProto], str]:
    names = [read, f"layer{number}.weight", f"layer{number}.bias"]
    product, active, out = (f"layer{number}.{part}" for part in ("product", "active", "out"))
    product_node = helper.make_node("Gemm", names, [product])
    if not residual:
        return [product_node], product
    nodes = [
        product_node,
        helper.make_node("Relu", [product], [active]),
        helper.make_node("Add", [read, active], [out]),
    ]
    return nodes, out


def _ports() -> tuple[list[onnx.ValueInfoProto], list[onnx.ValueInfoProto]]:
    ports = ("x", FEATURES), ("logits", CLASSES)
    given, made = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", length])
        for name, length in ports
    )
    return [given], [made]
