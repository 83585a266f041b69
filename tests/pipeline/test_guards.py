"""A run never replaces what it reads, and never goes on with something else."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.pipeline.conftest import Case, classifier
from zoo_compress import errors
from zoo_compress.pipeline import apply, resume, run
from zoo_compress.pipeline.folder import PLAN_FILE


def test_a_source_in_the_runs_own_folder_is_refused_and_kept(quick_copy: Case) -> None:
    made = quick_copy.out / "model.onnx"
    before = made.read_bytes()
    with pytest.raises(errors.OutputError, match=r"own folder.*--out"):
        run(
            quick_copy.settings(
                source=str(made), budget="0.9", strategy="knapsack", overwrite=True
            )
        )
    assert made.read_bytes() == before


def test_apply_never_replaces_the_original(quick_copy: Case) -> None:
    before = quick_copy.model.read_bytes()
    with pytest.raises(errors.OutputError, match="is the original itself"):
        apply(
            str(quick_copy.model),
            plan=quick_copy.out / PLAN_FILE,
            out=quick_copy.model,
            overwrite=True,
        )
    assert quick_copy.model.read_bytes() == before


def test_apply_refuses_a_plan_for_another_model(quick_copy: Case) -> None:
    onnx.save(classifier(output="other"), quick_copy.model)
    with pytest.raises(errors.PlanError, match="was made for a model with sha256"):
        apply(
            str(quick_copy.model),
            plan=quick_copy.out / PLAN_FILE,
            out=quick_copy.out / "again.onnx",
        )


def test_resuming_with_another_model_is_refused(quick_copy: Case) -> None:
    model = onnx.load(quick_copy.model)
    stem = onnx.numpy_helper.to_array(model.graph.initializer[0])
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(-stem, "stem"))
    onnx.save(model, quick_copy.model)
    with pytest.raises(errors.OutputError, match="the model changed"):
        resume(quick_copy.out)


@pytest.mark.parametrize(
    ("samples", "named"),
    [(150, "the split and the search inputs changed"), (120, "the search inputs changed")],
)
def test_resuming_with_other_data_is_refused(quick_copy: Case, samples: int, named: str) -> None:
    other = np.random.default_rng(9).standard_normal((samples, 3, 8, 8)).astype(np.float32)
    np.savez(quick_copy.data, x=other)
    with pytest.raises(errors.OutputError, match=named):
        resume(quick_copy.out)


def test_resuming_with_another_recipe_is_refused(case: Case, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("name: mine\ntechniques: {codes: {bits: [8, 4]}}\n", encoding="utf-8")
    run(case.settings(strategy="knapsack", recipe=str(recipe)))
    recipe.write_text("name: mine\ntechniques: {codes: {bits: [8, 6]}}\n", encoding="utf-8")
    with pytest.raises(errors.OutputError, match="the recipe changed"):
        resume(case.out)


def test_too_few_inputs_are_refused_before_the_search(case: Case) -> None:
    np.savez(case.data, x=np.random.default_rng(9).standard_normal((3, 3, 8, 8)).astype("f4"))
    with pytest.raises(errors.InputError, match=r"1 inputs to search and 2 to certify on"):
        run(case.settings())


def test_a_classifier_without_classes_is_refused_if_the_user_says_so(case: Case) -> None:
    model = classifier()
    head = next(tensor for tensor in model.graph.initializer if tensor.name == "head")
    head.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(head)[:1], "head"))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 1
    onnx.save(model, case.model)
    with pytest.raises(errors.InputError, match="--task other"):
        run(case.settings(task="classification"))
    report = run(case.quick()).report
    assert report["certificate"]["kind"] == "distance-quantile"
