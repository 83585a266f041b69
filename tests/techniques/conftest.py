"""Compress tiny models and see what ONNX Runtime makes of them; fixtures return functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

from zoo_compress.core import Encoded, Option
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.graph.sites import FoundSites, find_sites
from zoo_compress.runtime.session import open_session
from zoo_compress.techniques.codes import Codes

TYPES = {
    "float32": "float",
    "float16": "float16",
    "bfloat16": "bfloat16",
    "float64": "double",
}


@dataclass(frozen=True)
class Compressed:
    """A model with packed weights, and the same model with the weights that numpy rebuilt."""

    packed: onnx.ModelProto
    dense: onnx.ModelProto
    encoded: dict[str, Encoded]
    found: FoundSites


def parse(text, weights, *, dtype="float32", opset=18, ir_version=9) -> onnx.ModelProto:
    """Return the model of a graph in ONNX's textual syntax, with `T` for the weights' type."""
    graph = parser.parse_graph(text.replace("T[", f"{TYPES[dtype]}["))
    graph.initializer.extend(numpy_helper.from_array(w, name) for name, w in weights.items())
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def compress_all(model: onnx.ModelProto, **settings) -> Compressed:
    """Store every site as codes, whether that saves bytes or not."""
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    graph = normalize(ir.from_proto(copy))
    found, technique, encoded = find_sites(graph), Codes({}), {}
    dense = to_compact_proto(graph)
    for site in found.sites:
        option = Option(technique="codes", settings=settings, stored_bytes=0)
        weight = graph.graph.initializers[site.name].const_value.numpy()
        encoded[site.name] = technique.encode(weight, site, option)
        technique.rewrite(graph, site, encoded[site.name])
    for tensor in dense.graph.initializer:
        if tensor.name in encoded:
            tensor.CopyFrom(numpy_helper.from_array(encoded[tensor.name].dense, tensor.name))
    return Compressed(to_compact_proto(graph), dense, encoded, found)


def loaded_weights(compressed: Compressed) -> dict[str, np.ndarray]:
    """Let ONNX Runtime rebuild the weights, and return them with their exact bits."""
    model = onnx.ModelProto.FromString(compressed.packed.SerializeToString())
    wanted = []
    for name, encoded in compressed.encoded.items():
        dtype = helper.np_dtype_to_tensor_dtype(encoded.dense.dtype)
        if dtype == TensorProto.BFLOAT16:  # which numpy cannot take over
            model.graph.node.append(helper.make_node("Cast", [name], [f"{name}:f"], to=1))
            name, dtype = f"{name}:f", TensorProto.FLOAT
        shape = encoded.dense.shape
        model.graph.output.append(helper.make_tensor_value_info(name, dtype, shape))
        wanted.append(name)
    session = open_session(model.SerializeToString(), threads=1)
    weights = session.run(wanted, zero_feeds(model))
    return {
        name: weight.astype(encoded.dense.dtype)
        for (name, encoded), weight in zip(compressed.encoded.items(), weights, strict=True)
    }


def zero_feeds(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    feeds = {}
    for value in model.graph.input:
        kind = value.type.tensor_type
        shape = [dim.dim_value or 1 for dim in kind.shape.dim]
        feeds[value.name] = np.zeros(shape, helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return feeds


def node_types(graph: onnx.GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from node_types(attribute.g)


def outputs_of(model: onnx.ModelProto, feeds) -> list[np.ndarray]:
    return open_session(model.SerializeToString(), threads=1).run(None, feeds)


@pytest.fixture
def make_model():
    return parse


@pytest.fixture
def compress():
    return compress_all


@pytest.fixture
def load():
    return loaded_weights


@pytest.fixture
def run():
    return outputs_of


@pytest.fixture
def optimized(tmp_path):
    """Return a function that counts the nodes, bodies included, that ONNX Runtime keeps."""

    def count(model: onnx.ModelProto) -> Counter[str]:
        path = tmp_path / "optimized.onnx"
        open_session(model.SerializeToString(), threads=1, optimized_path=path)
        return Counter(node_types(onnx.load(path).graph))

    return count
