import json

import pytest

from zoo_compress.hub.companions import (
    find_companions,
    is_companion,
    model_type_of,
    root_of,
    task_of,
)


def task_with(folder, **config):
    (folder / "config.json").write_text(json.dumps(config))
    return task_of(folder, (folder / "config.json",))


@pytest.mark.parametrize(
    ("architecture", "task"),
    [
        ("ResNetForImageClassification", "classification"),
        ("BertForSequenceClassification", "classification"),
        ("Wav2Vec2ForAudioClassification", "classification"),
        ("DeiTForImageClassificationWithTeacher", "classification"),
        ("BertModel", "embedding"),
        ("CLIPVisionModel", "embedding"),
        ("GPT2LMHeadModel", None),
        ("VisionEncoderDecoderModel", None),
        ("BertForMaskedLM", None),
    ],
)
def test_the_architecture_tells_the_task(architecture, task, tmp_path):
    assert task_with(tmp_path, architectures=[architecture]) == task


def test_labels_tell_a_classifier_when_no_architecture_is_stated(tmp_path):
    assert task_with(tmp_path, id2label={"0": "cat", "1": "dog"}) == "classification"
    assert task_with(tmp_path, id2label={"0": "score"}) is None


@pytest.mark.parametrize("architecture", ["DetrForObjectDetection", "BertForTokenClassification"])
def test_labels_of_detectors_and_taggers_make_no_classifier(architecture, tmp_path):
    labels = {"0": "cat", "1": "dog"}
    assert task_with(tmp_path, architectures=[architecture], id2label=labels) is None


def test_files_of_sentence_transformers_tell_an_embedding(tmp_path):
    (tmp_path / "modules.json").write_text("[]")
    assert task_with(tmp_path, architectures=["XForMaskedLM"]) == "embedding"
    (tmp_path / "modules.json").unlink()
    (tmp_path / "1_Pooling").mkdir()
    assert task_of(tmp_path, ()) == "embedding"


def test_the_type_of_the_model_is_the_one_that_its_configuration_states(tmp_path):
    path = tmp_path / "config.json"
    for stated, expected in (('"bert"', "bert"), ("3", None), ("null", None)):
        path.write_text(f'{{"model_type": {stated}}}')
        assert model_type_of((path,)) == expected
    assert model_type_of(()) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"architectures": 3}', "\ud800"])
def test_a_broken_config_tells_nothing(text, tmp_path):
    (tmp_path / "config.json").write_bytes(text.encode(errors="surrogatepass"))
    assert task_of(tmp_path, (tmp_path / "config.json",)) is None


def test_companions_are_found_at_the_root_and_beside_the_model(tmp_path):
    (tmp_path / "onnx").mkdir()
    wanted = ["config.json", "onnx/preprocessor_config.json", "tokenizer.json", "vocab.txt"]
    for name in [*wanted, "README.md", "model.safetensors", "onnx/other.json"]:
        (tmp_path / name).touch()
    found = find_companions(tmp_path, tmp_path / "onnx" / "model.onnx")
    assert found == tuple(sorted(tmp_path / name for name in wanted))


def test_of_two_companions_of_one_name_the_one_beside_the_model_counts(tmp_path):
    (tmp_path / "onnx").mkdir()
    for name in ("config.json", "onnx/config.json"):
        (tmp_path / name).touch()
    found = find_companions(tmp_path, tmp_path / "onnx" / "model.onnx")
    assert found == (tmp_path / "onnx" / "config.json",)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("config.json", True),
        ("onnx/config.json", True),
        ("docs/config.json", False),
        ("model.safetensors", False),
        ("sentencepiece.bpe.model", True),
    ],
)
def test_companions_on_the_hub_are_told_by_name_and_place(file, expected):
    assert is_companion(file, model="onnx/model.onnx") is expected


def test_the_root_is_the_parent_of_a_folder_called_onnx(tmp_path):
    assert root_of(tmp_path / "onnx" / "model.onnx") == tmp_path
    assert root_of(tmp_path / "model.onnx") == tmp_path
