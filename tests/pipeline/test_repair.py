import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, numpy_helper

from tests.pipeline.conftest import Case
from zoo_compress import errors
from zoo_compress.core import ignore_progress
from zoo_compress.pipeline import apply, run
from zoo_compress.pipeline.folder import PLAN_FILE
from zoo_compress.pipeline.study import build_study
from zoo_compress.pipeline.write import write_plan
from zoo_compress.recipe import recipe_text


@pytest.fixture(autouse=True)
def biased(case: Case) -> None:
    """Give every layer of the case's model a bias."""
    model, rng = onnx.load(case.model), np.random.default_rng(5)
    shapes = {t.name: t.dims for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            name = f"{node.input[1]}.bias"
            values = 0.1 * rng.standard_normal(shapes[node.input[1]][0])
            node.input.append(name)
            tensor = numpy_helper.from_array(values.astype(np.float32), name)
            model.graph.initializer.append(tensor)
    onnx.save(model, case.model)


def recipe(folder: Path, **changes: object) -> str:
    """Write the default recipe with other values for some keys."""
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(recipe_text("balanced")) | changes))
    return str(path)


def uniform_distance(case: Case, *, bits: int, repair: list[str]) -> float:
    """Return the distance on the search inputs with all weights at one width."""
    settings = case.settings(recipe=recipe(case.model.parent, repair=repair))
    study = build_study(settings, ignore_progress)
    space = study.sized.offered
    theta = [
        next(level for level, o in enumerate(options, 1) if o.settings.get("bits") == bits)
        for options in space.options
    ]
    return study.measurer.measure(space.plan(np.array(theta))).distance


@pytest.mark.parametrize("bits", [2, 4])
def test_each_repair_brings_the_outputs_closer(case: Case, bits: int) -> None:
    plain, corrected, both = (
        uniform_distance(case, bits=bits, repair=repair)
        for repair in ([], ["bias-correction"], ["bias-correction", "error-feedback"])
    )
    assert both < min(corrected, plain)
    # At four bits there is no mean error to speak of in a model of random weights.
    assert bits == 4 or corrected < plain


@pytest.mark.parametrize("biases", ["none", "identical"])
def test_layers_without_a_bias_of_their_own_are_corrected_too(case: Case, biases: str) -> None:
    model = onnx.load(case.model)
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm") and biases == "none":
            del node.input[2:]
    for tensor in model.graph.initializer:
        if tensor.name.endswith(".bias"):
            values = np.full(tensor.dims, 0.1, np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, case.model)
    plain, corrected = (
        uniform_distance(case, bits=3, repair=repair) for repair in ([], ["bias-correction"])
    )
    assert corrected < 0.8 * plain
    settings = case.settings(budget="0.2", strategy="knapsack", trials=1)
    report = run(settings).report
    expected = json.loads((case.out / PLAN_FILE).read_text())["choices"]
    assert len(expected) == 3
    again = case.out.parent / "again.onnx"
    apply(str(case.model), plan=case.out / PLAN_FILE, out=again)
    assert again.read_bytes() == (case.out / "model.onnx").read_bytes()
    assert report["gate"]["relative_difference"] < 1e-6


def test_a_correction_is_in_the_biases_of_the_file_and_nowhere_else(case: Case) -> None:
    settings = {"strategy": "knapsack", "trials": 1, "budget": "0.2"}
    changed = []
    for repair in ([], ["bias-correction"]):
        chosen = recipe(case.model.parent, repair=repair, biases="original")
        run(case.settings(recipe=chosen, overwrite=True, **settings))
        before, after = (
            {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
            for path in (case.model, case.out / "model.onnx")
        )
        kept = before.keys() & after.keys()
        changed.append({name for name in kept if not np.array_equal(before[name], after[name])})
    biases = {node.input[2] for node in onnx.load(case.model).graph.node if len(node.input) > 2}
    assert len(biases) == 3
    assert changed == [set(), biases]


def test_a_plan_says_what_its_weights_were_repaired_with(case: Case) -> None:
    run(case.settings(strategy="knapsack", seed=3))
    record = json.loads((case.out / PLAN_FILE).read_text("utf-8"))["calibration"]
    assert record["repair"] == ["bias-correction", "error-feedback"]
    assert (record["data"], record["seed"]) == (str(case.data), 3)


@pytest.mark.parametrize("data", [None, "synthetic"])
def test_nothing_is_repaired_with_synthetic_inputs(case: Case, data: str | None) -> None:
    result = run(case.settings(strategy="knapsack", data=data))
    assert any("no weight is repaired" in note for note in result.notes)
    assert result.report["repair"] is None
    assert json.loads((case.out / PLAN_FILE).read_text("utf-8"))["calibration"] is None


def test_a_plan_without_repair_needs_no_data_to_be_applied(case: Case) -> None:
    run(case.settings(strategy="knapsack", recipe=recipe(case.model.parent, repair=[])))
    case.data.unlink()
    again = case.out / "again.onnx"
    apply(str(case.model), plan=case.out / PLAN_FILE, out=again)
    assert again.read_bytes() == (case.out / "model.onnx").read_bytes()


def test_data_that_have_moved_are_named_to_apply_a_plan(case: Case) -> None:
    run(case.quick())
    moved = case.data.rename(case.data.with_name("moved.npz"))
    again = case.out / "again.onnx"
    with pytest.raises(errors.InputError, match=r"data\.npz"):
        apply(str(case.model), plan=case.out / PLAN_FILE, out=again)
    apply(str(case.model), plan=case.out / PLAN_FILE, out=again, data=str(moved))
    assert again.read_bytes() == (case.out / "model.onnx").read_bytes()


def test_a_plan_is_not_applied_with_other_inputs(case: Case) -> None:
    run(case.quick())
    with np.load(case.data) as arrays:
        np.savez(case.data, x=arrays["x"] + np.float32(1e-3))
    again = case.out / "again.onnx"
    with pytest.raises(errors.PlanError, match=r"calibrated on other inputs.*--data"):
        apply(str(case.model), plan=case.out / PLAN_FILE, out=again)
    assert not again.exists()


@pytest.mark.parametrize("repair", [[], ["bias-correction"]])
def test_halved_biases_are_what_the_search_measured_and_the_plan_writes(
    case: Case, repair: list[str]
) -> None:
    chosen = recipe(case.model.parent, repair=repair, biases="float16")
    report = run(case.settings(recipe=chosen, budget="0.2", strategy="knapsack", trials=1)).report
    written = onnx.load(case.out / "model.onnx")
    halves = {t.name for t in written.graph.initializer if t.data_type == TensorProto.FLOAT16}
    biases = {node.input[2] for node in onnx.load(case.model).graph.node if len(node.input) > 2}
    casts = {node.output[0] for node in written.graph.node if node.input[0] in halves}
    assert len(biases) == 3
    assert biases <= casts
    assert report["gate"]["relative_difference"] == 0
    again = case.out.parent / "again.onnx"
    apply(str(case.model), plan=case.out / PLAN_FILE, out=again)
    assert again.read_bytes() == (case.out / "model.onnx").read_bytes()


def test_halved_biases_take_the_bytes_that_the_search_counts(case: Case) -> None:
    chosen = recipe(case.model.parent, biases="float16")
    study = build_study(case.settings(recipe=chosen), ignore_progress)
    space, prepared = study.sized.offered, study.prepared
    for theta in (space.largest, space.smallest, np.array([1, 0, 3])):
        path = case.out.parent / "one.onnx"
        write_plan(prepared, space.plan(theta), study.encoder, path)
        assert -4 <= path.stat().st_size - space.stored_bytes(theta) <= 0


def test_weights_whose_inputs_take_too_much_memory_are_not_repaired_with_a_note(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo_compress.techniques.moments.MOST_BYTES", 1)
    study = build_study(case.settings(), ignore_progress)
    sites = len(study.prepared.found.sites)
    assert any(
        note.startswith(f"not repaired, for lack of memory: {sites} of {sites} weights")
        for note in study.notes
    )
    monkeypatch.undo()
    assert not any(
        "lack of memory" in n for n in build_study(case.settings(), ignore_progress).notes
    )


def test_an_unknown_repair_is_refused_with_its_line_and_the_known_ones(case: Case) -> None:
    chosen = recipe(case.model.parent, repair=["prayer"])
    with pytest.raises(
        errors.RecipeError, match=r"line \d+: repair\.0.*'bias-correction'.*prayer"
    ):
        run(case.settings(recipe=chosen))


def test_only_options_that_none_beats_are_searched_and_the_others_can_be_measured(
    case: Case,
) -> None:
    techniques = {"codes": {"granularity": ["channel", "group"], "group_size": [36]}}
    chosen = recipe(case.model.parent, techniques=techniques)
    study = build_study(case.settings(recipe=chosen), ignore_progress)
    assert sum(map(len, study.sized.space.options)) < sum(map(len, study.sized.offered.options))
    for site, options in zip(study.sized.offered.sites, study.sized.offered.options, strict=True):
        points = [(o.stored_bytes, study.encoder.error(site.name, o)) for o in options]
        best = {
            p for p in points if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in points)
        }
        kept = study.sized.space.options[study.sized.space.sites.index(site)]
        assert {(o.stored_bytes, study.encoder.error(site.name, o)) for o in kept} == best
        assert [o.stored_bytes for o in kept] == sorted((b for b, _ in best), reverse=True)
