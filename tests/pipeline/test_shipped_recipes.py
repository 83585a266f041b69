"""Each shipped recipe on a model that it is meant for."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.pipeline.conftest import Case
from zoo_compress.pipeline import apply, run
from zoo_compress.pipeline.folder import PLAN_FILE
from zoo_compress.recipe import shipped_recipes

QUICK = {"strategy": "knapsack", "trials": 1}
CONVOLUTIONS = {
    "balanced": ("0.2", {"codes", "codebook", "float16"}),
    "download-size": ("0.15", {"codes", "codebook", "float16", "sparse"}),
    "deep-compression": ("0.25", {"sparse"}),
    "low-rank": ("0.6", {"svd", "spatial-split", "tucker"}),
    "pruned": ("0.2", {"codes", "codebook"}),
    "paper-vgg": ("0.8", {"spatial-split"}),
    "paper-resnet": ("0.8", {"svd"}),
    "cpu-speed": ("0.35", {"static-int8"}),
    "gpu-speed": ("0.6", {"half-compute", "static-int8"}),
}
TEXT = {"transformers-js": ("0.25", {"codes", "codebook", "matmul-nbits", "embedding-rows"})}


def encoder() -> onnx.ModelProto:
    """Return an embedding table, two layers and a mean over tokens; 200 kB of weights."""
    rng = np.random.default_rng(0)
    shapes = {"table": (512, 64), "up": (64, 128), "up.b": (128,), "down": (128, 64)}
    arrays = {
        name: (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)
        for name, shape in shapes.items()
    }
    arrays["table"] *= np.float32(20)
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("MatMul", ["rows", "up"], ["wide"]),
        helper.make_node("Add", ["wide", "up.b"], ["moved"]),
        helper.make_node("Relu", ["moved"], ["kept"]),
        helper.make_node("MatMul", ["kept", "down"], ["tokens"]),
        helper.make_node("ReduceMean", ["tokens"], ["sentence"], axes=[1], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", 16])],
        [helper.make_tensor_value_info("sentence", TensorProto.FLOAT, ["N", 64])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def give_low_rank(case: Case) -> None:
    """Replace the larger kernels by a sum of eight that are separable, and a little noise."""
    model = onnx.load(case.model)
    (body,) = (t for t in model.graph.initializer if t.name == "body")
    rng = np.random.default_rng(2)
    vertical, horizontal = rng.standard_normal((8, 32, 3)), rng.standard_normal((40, 8, 3))
    kernels = np.einsum("rcy,orx->ocyx", vertical, horizontal) / 40
    kernels += 1e-3 * rng.standard_normal(kernels.shape)
    body.CopyFrom(numpy_helper.from_array(kernels.astype(np.float32), "body"))
    onnx.save(model, case.model)


@pytest.fixture
def text_case(tmp_path: Path) -> Case:
    onnx.save(encoder(), tmp_path / "model.onnx")
    ids = np.random.default_rng(1).integers(0, 512, (120, 16))
    np.savez(tmp_path / "data.npz", ids=ids)
    return Case(tmp_path / "model.onnx", tmp_path / "data.npz", tmp_path / "run")


def check(case: Case, recipe: str, budget: str, techniques: set[str]) -> dict[str, object]:
    """Run a recipe, and hold the result to its budget, its techniques and its plan."""
    report = run(case.settings(recipe=recipe, budget=budget, **QUICK)).report
    assert report["size_ratio"] <= float(budget)
    assert report["relative_distance"] < 0.5
    assert set(report["techniques"]) <= techniques
    assert report["techniques"]
    apply(str(case.model), plan=case.out / PLAN_FILE, out=case.out / "again.onnx")
    assert (case.out / "again.onnx").read_bytes() == (case.out / "model.onnx").read_bytes()
    return report


@pytest.mark.parametrize("recipe", CONVOLUTIONS)
def test_a_classifier_of_convolutions_keeps_to_the_recipe(recipe: str, case: Case) -> None:
    if recipe.startswith("paper"):
        give_low_rank(case)
    report = check(case, recipe, *CONVOLUTIONS[recipe])
    folded = {"balanced", "download-size", "deep-compression", "pruned"}
    assert report["folded"] == (recipe in folded)
    assert report["operators"] == []


@pytest.mark.parametrize("recipe", ["balanced", "download-size"])
def test_a_budget_above_that_of_8_bits_brings_a_closer_model(recipe: str, case: Case) -> None:
    small, large = (
        run(case.settings(recipe=recipe, budget=budget, overwrite=True, **QUICK)).report
        for budget in ("0.3", "0.55")
    )
    assert large["size_ratio"] > small["size_ratio"]
    assert large["relative_distance"] < 0.1 * small["relative_distance"]
    assert "float16" in large["techniques"]


@pytest.mark.parametrize("recipe", TEXT)
def test_a_sentence_encoder_keeps_to_the_recipe(recipe: str, text_case: Case) -> None:
    check(text_case, recipe, *TEXT[recipe])


def test_no_recipe_is_left_out() -> None:
    assert {*CONVOLUTIONS, *TEXT} == set(shipped_recipes())


def test_a_product_of_4_bits_is_computed_by_the_runtime_and_said(text_case: Case) -> None:
    path = text_case.model.with_name("mine.yaml")
    path.write_text("name: mine\ntechniques: {matmul-nbits: {block_size: [32]}}\n")
    report = run(text_case.settings(recipe=str(path), budget="0.75", **QUICK)).report
    assert report["operators"] == ["com.microsoft.MatMulNBits"]
    assert report["folded"] is False
    card = (text_case.out / "README.md").read_text("utf-8")
    assert "com.microsoft.MatMulNBits of ONNX Runtime" in card


def test_ranges_need_no_repair_and_a_plan_reproduces_them(case: Case) -> None:
    path = case.model.with_name("mine.yaml")
    path.write_text("name: mine\ntechniques: {static-int8: {ranges: [percentile]}}\n")
    report = check(case, str(path), "0.35", {"static-int8"})
    assert report["folded"] is False


def test_ranges_from_synthetic_inputs_are_said_to_be_so(case: Case) -> None:
    result = run(case.settings(recipe="cpu-speed", budget="0.35", data="synthetic", **QUICK))
    assert any("come from synthetic inputs" in note for note in result.report["notes"])
    apply(str(case.model), plan=case.out / PLAN_FILE, out=case.out / "again.onnx")
    assert (case.out / "again.onnx").read_bytes() == (case.out / "model.onnx").read_bytes()
