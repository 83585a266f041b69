"""Sizes of plans, for models that hold already what techniques would add."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.core import Artifact
from zoo_compress.pipeline.prepare import Prepared, prepare_as
from zoo_compress.pipeline.space import SizedSpace, build_space
from zoo_compress.pipeline.write import write_plan
from zoo_compress.recipe import Recipe
from zoo_compress.techniques.base import Technique
from zoo_compress.techniques.codes import Codes
from zoo_compress.techniques.encoder import Encoder
from zoo_compress.techniques.matmul_nbits import MatMulNBits

# Lengths of the graph and of tensors are stored in fewer bytes once they shrink.
FRAMING = 4


def products(path: Path, *, gelu: bool) -> Path:
    """Write a model of two matrix products, with an operator of ONNX Runtime between them."""
    domain = {"domain": "com.microsoft"} if gelu else {}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Gelu" if gelu else "Tanh", ["a"], ["b"], **domain),
        helper.make_node("MatMul", ["b", "v"], ["y"]),
    ]
    rng = np.random.default_rng(0)
    weights = {name: rng.standard_normal((64, 64)).astype(np.float32) for name in "wv"}
    graph = helper.make_graph(
        nodes,
        "products",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 64])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    domains = ["", *domain.values()]
    imports = [helper.make_opsetid(name, 18 if not name else 1) for name in domains]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9), path)
    return path


def sized(path: Path, technique: Technique) -> tuple[Prepared, SizedSpace]:
    prepared = prepare_as(Artifact(source="it", model_path=path), simplified=False)
    recipe = Recipe(name="one", techniques={technique.name: {}})
    return prepared, build_space(prepared, recipe, {technique.name: technique})


def written(prepared: Prepared, found: SizedSpace, theta: np.ndarray, path: Path) -> int:
    """Write a plan and return how many bytes it takes less than the search counts."""
    encoder = Encoder(
        sites=found.space.sites, weights=prepared.weights(), techniques=found.techniques
    )
    write_plan(prepared, found.space.plan(theta), encoder, path)
    return found.space.stored_bytes(theta) - path.stat().st_size


@pytest.mark.parametrize("gelu", [False, True])
def test_an_operator_set_that_the_model_imports_is_not_counted_again(
    gelu: bool, tmp_path: Path
) -> None:
    prepared, found = sized(products(tmp_path / "model.onnx", gelu=gelu), MatMulNBits({}))
    for theta in (found.space.largest, found.space.smallest, np.array([1, 0])):
        assert 0 <= written(prepared, found, theta, tmp_path / "one.onnx") <= FRAMING


def test_constants_of_a_model_that_was_compressed_before_are_not_counted_again(
    tmp_path: Path,
) -> None:
    prepared, found = sized(products(tmp_path / "model.onnx", gelu=False), Codes({"bits": [5]}))
    written(prepared, found, np.array([0, 1]), tmp_path / "first.onnx")
    again, second = sized(tmp_path / "first.onnx", Codes({"bits": [5]}))
    assert [site.name for site in second.space.sites] == ["w"]
    for theta in (second.space.largest, second.space.smallest):
        assert 0 <= written(again, second, theta, tmp_path / "second.onnx") <= FRAMING
