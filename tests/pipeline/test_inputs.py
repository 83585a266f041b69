from pathlib import Path

import pytest

from tests.token_models import write_tokenizer
from zoo_compress.core import Artifact, TensorSpec
from zoo_compress.data.samples import photographs
from zoo_compress.pipeline.inputs import SYNTHETIC_WARNING, TEXT_NOTE, gather_inputs
from zoo_compress.pipeline.pair_inputs import SYNTHETIC_NOTE, pair_inputs

SPECS = [
    TensorSpec(name=name, shape=("batch", "sequence"), dtype="int64")
    for name in ("input_ids", "attention_mask")
]
PIXELS = [TensorSpec(name="pixels", shape=("batch", 3, 24, 24), dtype="float32")]


def owner(folder: Path, *companions: Path) -> Artifact:
    return Artifact(source="a/b", model_path=folder / "model.onnx", companions=companions)


def test_a_text_model_without_data_gets_the_built_in_text_and_a_note(tmp_path: Path) -> None:
    artifact = owner(tmp_path, *write_tokenizer(tmp_path, "the"))
    inputs, notes = gather_inputs(artifact, SPECS, data=None, search=50, seed=0)
    assert inputs.description.startswith("the built-in English text")
    assert notes == (TEXT_NOTE,)
    found = pair_inputs(artifact, artifact, SPECS, data=None, count=None, seed=0)
    assert len(found.inputs) == len(inputs)
    assert found.notes == (TEXT_NOTE,)


def test_synthetic_inputs_can_still_be_asked_for(tmp_path: Path) -> None:
    artifact = owner(tmp_path, *write_tokenizer(tmp_path, "the"))
    inputs, notes = gather_inputs(artifact, SPECS, data="synthetic", search=5, seed=0)
    assert inputs.synthetic
    assert notes == ()


@pytest.mark.parametrize("content", ["{}", ""])
def test_a_tokenizer_that_does_not_work_leaves_synthetic_inputs_and_says_so(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    artifact = owner(tmp_path, tmp_path / "tokenizer.json")
    inputs, notes = gather_inputs(artifact, SPECS, data=None, search=5, seed=0)
    assert inputs.synthetic
    assert notes[0] == SYNTHETIC_WARNING
    assert notes[1].startswith("no real inputs stand in: tokenizer.json is broken: ")
    pair = pair_inputs(artifact, artifact, SPECS, data=None, count=20, seed=0)
    assert pair.notes[0] == SYNTHETIC_NOTE
    assert pair.notes[1] == notes[1]


def test_an_image_model_without_photographs_gets_synthetic_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photographs, "PACKAGES", ("no-such-package",))
    config = tmp_path / "preprocessor_config.json"
    config.write_text('{"size": 24, "image_mean": 0.5, "image_std": 0.5}', encoding="utf-8")
    inputs, notes = gather_inputs(owner(tmp_path, config), PIXELS, data=None, search=5, seed=0)
    assert inputs.synthetic
    assert notes == (SYNTHETIC_WARNING,)
