import json
from pathlib import Path

import onnx
import pytest

from tests.pipeline.conftest import Case, classifier
from zoo_compress.errors import InputError, SourceError
from zoo_compress.pipeline import TimingSettings, time_models


def renamed(path: Path) -> str:
    """A model like the case's that calls its input otherwise."""
    model = classifier()
    model.graph.input[0].name = "picture"
    model.graph.node[0].input[0] = "picture"
    onnx.save(model, path)
    return str(path)


def test_models_are_timed_beside_the_first_on_the_data(case: Case) -> None:
    source = str(case.model)
    settings = TimingSettings(
        models=(source, source, source), data=str(case.data), seconds=0.3, threads=1
    )
    found = time_models(settings)
    assert [model.source for model in found.models] == [source] * 3
    assert found.models[0].latency.ratio == 1
    assert found.models[1].latency.pairs == found.models[0].latency.pairs > 1
    assert found.models[2].stored_bytes == case.model.stat().st_size
    assert found.inputs.startswith("20 inputs: ")
    document = json.loads(json.dumps(found.record(), allow_nan=False))
    assert document["models"][1]["threads"] == 1
    assert document["device"] == "cpu"


def test_inputs_that_were_made_up_are_called_so(case: Case) -> None:
    found = time_models(TimingSettings(models=(str(case.model),), seconds=0.1))
    assert any("synthetic" in note for note in found.notes)


def test_a_model_with_other_inputs_is_named_with_both(case: Case, tmp_path: Path) -> None:
    other = renamed(tmp_path / "other.onnx")
    with pytest.raises(SourceError, match=r"other.onnx' takes picture \(float32\) where .* x \("):
        time_models(TimingSettings(models=(str(case.model), other), seconds=0.1))


def test_a_model_that_does_not_run_on_the_inputs_is_named(case: Case, tmp_path: Path) -> None:
    model = classifier()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5
    model.graph.initializer[0].ClearField("raw_data")
    model.graph.initializer[0].CopyFrom(
        onnx.numpy_helper.from_array(
            onnx.numpy_helper.to_array(classifier().graph.initializer[0])[:, [0, 1, 2, 0, 1]],
            "stem",
        )
    )
    onnx.save(model, tmp_path / "five.onnx")
    settings = TimingSettings(
        models=(str(case.model), str(tmp_path / "five.onnx")), data=str(case.data), seconds=0.1
    )
    with pytest.raises(InputError, match=r"five\.onnx'"):
        time_models(settings)
