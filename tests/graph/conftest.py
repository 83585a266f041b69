"""Tiny models in ONNX's textual syntax; fixtures return functions."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import helper, numpy_helper, parser

from zoo_compress.runtime.session import open_session


def parse(text, weights=None, *, opset=18, ir_version=9) -> onnx.ModelProto:
    """Return the model of a graph, its weights stored as initializers."""
    graph = parser.parse_graph(text)
    weights = weights or {}
    graph.initializer.extend(numpy_helper.from_array(w, name) for name, w in weights.items())
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def outputs_of(model, feeds) -> list[np.ndarray]:
    proto = ir.to_proto(model) if isinstance(model, ir.Model) else model
    return open_session(proto.SerializeToString(), threads=1).run(None, feeds)


@pytest.fixture
def make_model():
    return parse


@pytest.fixture
def run():
    return outputs_of


@pytest.fixture
def draw():
    """Return a function that draws float32 weights of a shape."""
    rng = np.random.default_rng(0)
    return lambda *shape: rng.standard_normal(shape).astype(np.float32)
