import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import numpy_helper, parser

from tests.pipeline.conftest import Case
from zoo_compress.core import ignore_progress
from zoo_compress.pipeline import apply, run
from zoo_compress.pipeline.folder import PLAN_FILE
from zoo_compress.pipeline.study import build_study
from zoo_compress.recipe import recipe_text

ALL = ["bias-correction", "error-feedback", "equalisation"]


@pytest.fixture(autouse=True)
def uneven(case: Case) -> None:
    """Give the channels of the case's model scales that differ by powers of two."""
    model, rng = onnx.load(case.model), np.random.default_rng(7)
    weights = {t.name: numpy_helper.to_array(t).copy() for t in model.graph.initializer}
    for maker, reader in (("stem", "body"), ("body", "head")):
        spread = np.exp2(rng.integers(-3, 4, len(weights[maker]))).astype(np.float32)
        axes = [-1] + [1] * 3
        weights[maker] /= spread.reshape(axes[: weights[maker].ndim])
        weights[reader] *= spread.reshape([1, *axes[: weights[reader].ndim - 1]])
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(weights[tensor.name], tensor.name))
    onnx.save(model, case.model)


def recipe(folder: Path, repair: list[str]) -> str:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(recipe_text("balanced")) | {"repair": repair}))
    return str(path)


def plan_of(case: Case) -> dict[str, object]:
    found: dict[str, object] = json.loads((case.out / PLAN_FILE).read_text("utf-8"))
    return found


@pytest.mark.parametrize("bits", [3, 4, 6])
def test_uneven_channels_lose_less_by_rounding_once_they_are_even(case: Case, bits: int) -> None:
    distances = []
    for repair in ([], ["equalisation"]):
        study = build_study(
            case.settings(recipe=recipe(case.model.parent, repair)), ignore_progress
        )
        space = study.sized.offered
        theta = [
            next(level for level, o in enumerate(options, 1) if o.settings.get("bits") == bits)
            for options in space.options
        ]
        distances.append(study.measurer.measure(space.plan(np.array(theta))).distance)
    assert distances[1] < 0.5 * distances[0]


def test_the_search_compares_with_the_outputs_of_the_original(case: Case) -> None:
    references = []
    for repair in ([], ["equalisation"]):
        chosen = recipe(case.model.parent, repair)
        study = build_study(case.settings(recipe=chosen), ignore_progress)
        assert study.prepared.equalised is bool(repair)
        references.append(study.candidates.reference)
    for one, other in zip(*references, strict=True):
        assert np.linalg.norm(one[0] - other[0]) <= 1e-6 * np.linalg.norm(one[0])


def test_a_plan_that_only_equalises_is_applied_without_data(case: Case) -> None:
    chosen = recipe(case.model.parent, ["equalisation"])
    result = run(case.settings(strategy="knapsack", recipe=chosen))
    assert result.report["repair"] == {"kinds": ["equalisation"], "inputs": 0}
    assert (plan_of(case)["equalised"], plan_of(case)["calibration"]) == (True, None)
    case.data.unlink()
    again = case.out / "again.onnx"
    apply(str(case.model), plan=case.out / PLAN_FILE, out=again)
    assert again.read_bytes() == (case.out / "model.onnx").read_bytes()


def test_a_plan_with_every_repair_is_applied_byte_for_byte(case: Case) -> None:
    before = case.model.read_bytes()
    result = run(case.settings(strategy="knapsack", recipe=recipe(case.model.parent, ALL)))
    assert result.report["repair"]["kinds"] == [
        "equalisation",
        "bias-correction",
        "error-feedback",
    ]
    assert plan_of(case)["calibration"]["repair"] == ALL[:2]  # type: ignore[index]
    again = case.out / "again.onnx"
    apply(str(case.model), plan=case.out / PLAN_FILE, out=again)
    assert again.read_bytes() == (case.out / "model.onnx").read_bytes()
    assert case.model.read_bytes() == before


def test_the_weights_of_the_file_are_those_of_the_even_model(case: Case) -> None:
    settings = {"strategy": "knapsack", "budget": "0.3"}
    run(case.settings(recipe=recipe(case.model.parent, ["equalisation"]), **settings))
    one = (case.out / "model.onnx").read_bytes()
    run(case.settings(recipe=recipe(case.model.parent, []), overwrite=True, **settings))
    assert (case.out / "model.onnx").read_bytes() != one
    assert plan_of(case)["equalised"] is False


@pytest.mark.parametrize("repair", [ALL, ["equalisation"]])
def test_synthetic_inputs_leave_the_repair_that_needs_none(case: Case, repair: list[str]) -> None:
    chosen = recipe(case.model.parent, repair)
    result = run(case.settings(strategy="knapsack", recipe=chosen, data="synthetic"))
    told = any("no weight is repaired" in note for note in result.notes)
    assert told is (repair == ALL)
    assert result.report["repair"] == {"kinds": ["equalisation"], "inputs": 0}
    assert plan_of(case)["equalised"] is True


def saved(case: Case, text: str, weights: dict[str, np.ndarray], samples: np.ndarray) -> None:
    graph = parser.parse_graph(text)
    graph.initializer.extend(numpy_helper.from_array(w, name) for name, w in weights.items())
    opsets = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), case.model)
    np.savez(case.data, x=samples)


def test_a_model_whose_channels_cannot_be_scaled_stays_as_it_is_with_a_note(case: Case) -> None:
    rng = np.random.default_rng(0)
    weights = {name: rng.standard_normal((64, 64)).astype(np.float32) for name in "vw"}
    text = "g (float[N,64] x) => (float[N,64] y) { a = MatMul(x, v) b = Tanh(a) y = MatMul(b, w) }"
    saved(case, text, weights, rng.standard_normal((120, 64)).astype(np.float32))
    chosen = recipe(case.model.parent, ["equalisation"])
    study = build_study(case.settings(recipe=chosen), ignore_progress)
    (note,) = (note for note in study.notes if "not equalised" in note)
    assert "no channel can be scaled" in note
    assert not study.prepared.equalised


def test_activations_that_would_overflow_leave_the_model_as_it_is(case: Case) -> None:
    rng = np.random.default_rng(0)
    first = (1e37 * (1 + rng.random((64, 64)))).astype(np.float32)
    second = (1e-30 * rng.standard_normal((64, 64))).astype(np.float32)
    # Some of the activations, near the largest float32, are read by weights that want them larger.
    second[::8] *= 64
    text = "g (float[N,64] x) => (float[N,64] y) { a = MatMul(x, v) b = Relu(a) y = MatMul(b, w) }"
    samples = (0.1 + 0.2 * rng.random((120, 64))).astype(np.float32)
    saved(case, text, {"v": first, "w": second}, samples)
    chosen = recipe(case.model.parent, ["equalisation"])
    study = build_study(case.settings(recipe=chosen), ignore_progress)
    (note,) = (note for note in study.notes if "not equalised" in note)
    assert "NaN or infinite" in note
    assert not study.prepared.equalised
