"""Models of operator sets before those that a recipe's techniques need."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper, version_converter

from tests.pipeline.conftest import CLASSES, Case, classifier
from zoo_compress import errors
from zoo_compress.core import Artifact, Feed
from zoo_compress.graph.held import MappedTensor
from zoo_compress.graph.operator_set import operator_set
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.pipeline import apply, inspect, run
from zoo_compress.pipeline.folder import FINGERPRINT_FILE, PLAN_FILE
from zoo_compress.pipeline.prepare import prepare, prepare_as

QUICK = {"strategy": "knapsack", "trials": 1}
INTEGERS = {"recipe": "cpu-speed", "budget": "0.35"} | QUICK
FEEDS: list[Feed] = [{"x": np.random.default_rng(2).standard_normal((1, 3, 8, 8), np.float32)}]


def old(opset: int) -> onnx.ModelProto:
    """Return the classifier in an old operator set, with nodes that later ones write otherwise."""
    model = classifier()
    model.opset_import[0].version, model.ir_version = opset, 4
    nodes = {node.op_type: node for node in model.graph.node}
    flatten, gemm = nodes["Flatten"], nodes["Gemm"]
    flatten.CopyFrom(helper.make_node("Squeeze", flatten.input, flatten.output, axes=[2, 3]))
    # A Gemm may go without a third input from operator set 11 on.
    gemm.input.append("head.b")
    gemm.output[0] = "raw"
    bias = np.random.default_rng(3).standard_normal(CLASSES).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(bias, "head.b"))
    model.graph.node.append(helper.make_node("Softmax", ["raw"], ["logits"], axis=1))
    return model


@pytest.fixture
def old_case(case: Case) -> Case:
    onnx.save(old(11), case.model)
    return case


def written(case: Case) -> onnx.ModelProto:
    return onnx.load(case.out / "model.onnx")


def noted(notes: list[str] | tuple[str, ...]) -> list[str]:
    return [note for note in notes if "operator set" in note]


def plan_of(case: Case) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((case.out / PLAN_FILE).read_text("utf-8"))
    return found


def check_applied(case: Case) -> None:
    """Check that the plan gives the file of the run again."""
    apply(str(case.model), plan=case.out / PLAN_FILE, out=case.out / "again.onnx")
    assert (case.out / "again.onnx").read_bytes() == (case.out / "model.onnx").read_bytes()


def test_an_old_model_computes_with_integers_once_it_is_raised(old_case: Case) -> None:
    before = onnx.load(old_case.model)
    report = run(old_case.settings(**INTEGERS)).report
    assert report["techniques"] == ["static-int8"]
    assert report["size_ratio"] <= 0.35
    assert report["relative_distance"] < 0.5
    assert report["raised_to"] == plan_of(old_case)["raised_to"] == 13
    (note,) = noted(report["notes"])
    assert note.startswith("raised from operator set 11 to 13, which the recipe's techniques need")
    after = written(old_case)
    assert [entry.version for entry in after.opset_import] == [13]
    assert list(after.graph.input) == list(before.graph.input)
    assert list(after.graph.output) == list(before.graph.output)
    assert onnx.load(old_case.model) == before
    fingerprint = json.loads((old_case.out / FINGERPRINT_FILE).read_text("utf-8"))
    assert fingerprint["operator set"] == "13"
    check_applied(old_case)


def test_inspect_lists_the_options_of_the_raised_model(old_case: Case) -> None:
    found = inspect(str(old_case.model), recipe="cpu-speed")
    assert all(report.options for report in found.sites)
    assert len(noted(found.notes)) == 1


def test_a_recipe_that_needs_no_later_operator_set_leaves_the_models_own(old_case: Case) -> None:
    report = run(old_case.quick()).report
    assert report["raised_to"] is plan_of(old_case)["raised_to"] is None
    assert not noted(report["notes"])
    assert [entry.version for entry in written(old_case).opset_import] == [11]
    check_applied(old_case)


@pytest.mark.parametrize(("smallest", "notes"), [(1 << 20, 0), (0, 1)])
def test_a_model_is_raised_only_for_techniques_that_it_is_large_enough_for(
    old_case: Case, tmp_path: Path, smallest: int, notes: int
) -> None:
    techniques = {"codes": {"bits": [8]}, "trellis-codes": {"smallest_model_bytes": smallest}}
    recipe = tmp_path / "recipe.yaml"
    content = {"name": "two", "summary": "Both.", "techniques": techniques}
    recipe.write_text(yaml.safe_dump(content), "utf-8")
    found = inspect(str(old_case.model), recipe=str(recipe))
    assert len(noted(found.notes)) == notes
    offered = {option.technique for report in found.sites for option in report.options}
    assert ("trellis-codes" in offered) == bool(notes)


@pytest.mark.parametrize("opset", [13, 17])
def test_a_model_that_is_new_enough_keeps_its_operator_set(case: Case, opset: int) -> None:
    model = classifier()
    model.opset_import[0].version = opset
    onnx.save(model, case.model)
    prepared = prepare(Artifact(source="it", model_path=case.model), FEEDS, needed=13)
    assert operator_set(prepared.model) == opset
    assert prepared.raised_to is None
    assert not prepared.notes


def test_a_model_from_before_there_was_what_decoding_needs_is_raised_to_that(case: Case) -> None:
    onnx.save(old(9), case.model)
    report = run(case.quick()).report
    assert report["raised_to"] == 11
    assert report["techniques"] == ["codes"]
    check_applied(case)


def test_a_model_that_raising_would_change_is_used_as_it_is(
    old_case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(model: onnx.ModelProto, version: int) -> onnx.ModelProto:
        converted = convert(model, version)
        next(node for node in converted.graph.node if node.op_type == "Relu").op_type = "Tanh"
        return converted

    convert = version_converter.convert_version
    monkeypatch.setattr(version_converter, "convert_version", wrong)
    recipe = old_case.model.with_name("mine.yaml")
    recipe.write_text("name: mine\ntechniques: {static-int8: {}, codes: {bits: [8]}}\n")
    report = run(old_case.settings(**INTEGERS | {"recipe": str(recipe)})).report
    assert report["techniques"] == ["codes"]
    assert report["raised_to"] is None
    assert report["simplified"]
    (note,) = noted(report["notes"])
    assert note.startswith(
        "not raised from operator set 11 to 13, which the recipe's techniques need: raising it "
        "changes the outputs by 0."
    )
    check_applied(old_case)


def test_a_model_that_cannot_be_raised_is_used_as_it_is(old_case: Case) -> None:
    prepared = prepare(Artifact(source="it", model_path=old_case.model), FEEDS, needed=999)
    assert operator_set(prepared.model) == 11
    assert prepared.raised_to is None
    assert [site.name for site in prepared.found.sites] == ["stem", "body", "head"]
    (note,) = prepared.notes
    assert note.startswith(
        "not raised from operator set 11 to 999, which the recipe's techniques need: onnx's "
        "converter failed"
    )


def test_a_model_that_cannot_be_raised_as_far_is_raised_to_what_decoding_needs(case: Case) -> None:
    onnx.save(old(9), case.model)
    prepared = prepare(Artifact(source="it", model_path=case.model), FEEDS, needed=999)
    assert operator_set(prepared.model) == prepared.raised_to == 11
    assert prepared.found.sites
    failed, raised = prepared.notes
    assert failed.startswith("not raised from operator set 9 to 999, ")
    assert raised.startswith("raised from operator set 9 to 11, ")


def test_a_plan_that_wants_what_cannot_be_done_is_refused(old_case: Case) -> None:
    artifact = Artifact(source="it", model_path=old_case.model)
    with pytest.raises(errors.PlanError, match="wants 'it' raised to operator set 999, but onnx"):
        prepare_as(artifact, simplified=True, raised_to=999)


def test_where_nothing_is_left_to_compress_the_error_says_why_it_was_not_raised(
    case: Case,
) -> None:
    model = old(9)
    # ONNX Runtime knows this operator, onnx and its converter do not.
    model.graph.node.insert(0, helper.make_node("ImageScaler", ["x"], ["x.s"], bias=[0.0] * 3))
    model.graph.node[1].input[0] = "x.s"
    onnx.save(model, case.model)
    with pytest.raises(errors.NoSiteError, match=r"uses 9;.* not raised .* 9 to 13, .*ImageSc"):
        run(case.settings(**INTEGERS))


@pytest.mark.parametrize("simplified", [True, False])
def test_a_large_model_is_raised_around_its_weights(
    case: Case, monkeypatch: pytest.MonkeyPatch, simplified: bool
) -> None:
    model, feeds = old(11), FEEDS
    if not simplified:
        # onnxslim would take the input away, and is therefore not believed.
        model.graph.input.append(helper.make_tensor_value_info("idle", TensorProto.FLOAT, [1]))
        feeds = [{**feed, "idle": np.zeros(1, np.float32)} for feed in FEEDS]
    options = {"save_as_external_data": True, "location": "w.bin", "size_threshold": 0}
    onnx.save(model, case.model, **options)
    artifact = Artifact(source="it", model_path=case.model)
    expected = prepare(artifact, feeds, needed=13)
    for module in ("held", "simplify"):
        monkeypatch.setattr(f"zoo_compress.graph.{module}.LARGE_BYTES", 1)
        monkeypatch.setattr(f"zoo_compress.graph.{module}.SMALLEST_APART_BYTES", 512)
    found = prepare(artifact, feeds, needed=13)
    assert isinstance(found.model.graph.initializers["body"].const_value, MappedTensor)
    for prepared in (found, expected):
        assert (prepared.simplified, prepared.raised_to) == (simplified, 13)
    assert content(found.model) == content(expected.model)


def content(model: ir.Model) -> onnx.ModelProto:
    """Return a model with its weights in it, in the order of their names."""
    whole = model.clone()
    for value in whole.graph.initializers.values():
        assert value.const_value is not None
        value.const_value = ir.tensor(value.const_value.numpy(), name=value.name)
    found = to_compact_proto(whole)
    found.graph.initializer.sort(key=lambda tensor: tensor.name)
    return found
