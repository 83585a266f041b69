"""Everything that a user can get wrong ends in one line that names it, and nothing is lost."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from tests.pipeline.conftest import CLASSES, Case, classifier
from zoo_compress import errors
from zoo_compress.pipeline import inspect, run


def refused(case: Case, kind: type[errors.ZooCompressError], **changes: Any) -> str:
    """Run, expect to be refused, and return the message; no run folder may be left."""
    with pytest.raises(kind) as caught:
        run(case.settings(**changes))
    message = str(caught.value)
    assert "\n" not in message
    assert not case.out.exists()
    return message


def test_a_model_cut_short_is_refused(case: Case) -> None:
    case.model.write_bytes(case.model.read_bytes()[:20_000])
    assert "model.onnx" in refused(case, errors.SourceError)


def test_external_data_outside_the_folder_is_refused(case: Case) -> None:
    model = classifier()
    onnx.save(model, case.model, save_as_external_data=True, location="w.bin", size_threshold=0)
    model = onnx.load(case.model, load_external_data=False)
    model.graph.initializer[0].external_data[0].value = "../w.bin"
    onnx.save(model, case.model)
    assert "../w.bin" in refused(case, errors.ExternalDataError)


def test_external_data_is_compressed_like_any_other(case: Case) -> None:
    model = classifier()
    onnx.save(model, case.model, save_as_external_data=True, location="w.bin", size_threshold=0)
    report = run(case.settings(strategy="knapsack")).report
    with_data = case.model.stat().st_size + case.model.with_name("w.bin").stat().st_size
    assert report["original_bytes"] == with_data


def test_a_model_without_weights_is_refused_with_the_reason(case: Case) -> None:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "none",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, 8, 8])],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), case.model)
    assert "no compressible weight" in refused(case, errors.NoSiteError)


def test_an_original_that_returns_nan_is_refused(case: Case) -> None:
    model = classifier()
    head = next(t for t in model.graph.initializer if t.name == "head")
    head.CopyFrom(numpy_helper.from_array(np.full((CLASSES, 40), np.nan, np.float32), "head"))
    onnx.save(model, case.model)
    assert "logits" in refused(case, errors.OriginalModelError)


@pytest.mark.parametrize(
    ("array", "named"),
    [
        (np.zeros((60, 3, 9, 8), np.float32), "(60, 3, 9, 8)"),
        (np.zeros((60, 3, 8, 8), np.complex64), "complex64"),
        (np.zeros((1, 3, 8, 8), np.float32), "1"),
    ],
)
def test_data_that_does_not_fit_is_refused(case: Case, array: np.ndarray, named: str) -> None:
    np.savez(case.data, x=array)
    assert named in refused(case, errors.InputError)


def test_images_that_do_not_decode_are_named(case: Case, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(4):
        Image.new("RGB", (8, 8)).save(folder / f"{index}.png")
    (folder / "broken.png").write_bytes(b"no image")
    (tmp_path / "preprocessor_config.json").write_text(
        '{"do_resize": false, "do_normalize": false}', encoding="utf-8"
    )
    assert "broken.png" in refused(case, errors.InputError, data=str(folder))


def test_an_infeasible_budget_names_the_smallest_feasible_one(case: Case) -> None:
    message = refused(case, errors.BudgetError, budget="0.05")
    smallest = message.partition("--budget ")[2].partition(")")[0]
    assert 0.05 < float(smallest) < 0.2
    # Two bits for every weight.
    report = run(case.settings(budget=smallest, strategy="knapsack")).report
    assert report["size_ratio"] <= float(smallest)


def test_a_folder_that_holds_other_files_is_never_overwritten(case: Case) -> None:
    case.out.mkdir()
    (case.out / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(errors.OutputError, match="no run"):
        run(case.settings(overwrite=True))
    assert [path.name for path in case.out.iterdir()] == ["thesis.tex"]


def test_inspect_says_why_weights_are_left_alone(case: Case) -> None:
    found = inspect(str(case.model))
    assert [report.site.name for report in found.sites] == ["stem", "body", "head"]
    assert all(report.options for report in found.sites)
    assert 0 < found.smallest_ratio < 0.2
