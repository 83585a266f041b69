import json

import pytest

from zoo_compress.errors import SourceError
from zoo_compress.hub.export.architecture import read_architecture


@pytest.fixture
def described(tmp_path):
    def write(name, family, **keys):
        config = {"architectures": [name], "model_type": family, **keys}
        (tmp_path / "config.json").write_text(json.dumps(config))
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("name", "model_type", "modality"),
    [
        ("ResNetForImageClassification", "resnet", "image"),
        ("DeiTForImageClassificationWithTeacher", "deit", "image"),
        ("BertForSequenceClassification", "bert", "text"),
        ("BertForTokenClassification", "bert", "text"),
        ("Wav2Vec2ForSequenceClassification", "wav2vec2", "audio"),
        ("BertModel", "bert", None),
    ],
)
def test_what_is_exported_is_known_by_class_and_type(name, model_type, modality, described):
    found = read_architecture(described(name, model_type))
    assert (found.name, found.model_type, found.modality) == (name, model_type, modality)


@pytest.mark.parametrize(
    ("name", "model_type"),
    [
        ("GPT2LMHeadModel", "gpt2"),
        ("GPT2ForSequenceClassification", "gpt2"),
        ("T5ForConditionalGeneration", "t5"),
        ("BertForMaskedLM", "bert"),
        ("VisionEncoderDecoderModel", "vision-encoder-decoder"),
        ("DetrForObjectDetection", "detr"),
        ("TimmWrapperForImageClassification", "timm_wrapper"),
        ("BertModel", "resnet"),
        ("BertModel", "mine"),
        ("os.system", "bert"),
    ],
)
def test_others_are_named_with_what_is_supported(name, model_type, described):
    problem = rf"'{name}' of model type '{model_type}' is not exported here; supported are encod"
    with pytest.raises(SourceError, match=problem) as caught:
        read_architecture(described(name, model_type))
    assert "\n" not in str(caught.value)


def test_code_of_its_own_is_never_run(described):
    (described("BertModel", "bert") / "modeling.py").write_text("raise SystemExit")
    root = described("BertModel", "bert", auto_map={"AutoModel": "modeling.Bert"})
    with pytest.raises(SourceError, match=r"code of its own \('auto_map'\), which is never run"):
        read_architecture(root)


def test_weights_that_are_quantised_already_are_refused(described):
    root = described("BertModel", "bert", quantization_config={"bits": 4})
    with pytest.raises(SourceError, match="quantised already"):
        read_architecture(root)


@pytest.mark.parametrize(
    "keys", [{"num_hidden_layers": 10**9}, {"depths": [2, 10**9]}, {"num_block_repeats": 10**5}]
)
def test_layers_without_end_are_refused_before_any_is_built(keys, described):
    (key,) = keys
    with pytest.raises(SourceError, match=rf"'{key}' is .*; at most 1000 are built"):
        read_architecture(described("BertModel", "bert", **keys))


@pytest.mark.parametrize(
    "keys",
    [
        {"model_type": None},
        {"model_type": ["bert"]},
        {"architectures": None},
        {"architectures": []},
        {"architectures": "BertModel"},
        {"architectures": [{}]},
        {"architectures": [["BertModel"]]},
    ],
)
def test_a_configuration_that_names_no_model_is_said(keys, described):
    with pytest.raises(SourceError, match=r"config\.json: .*(both are named|not exported here)"):
        read_architecture(described("BertModel", "bert", **keys))


def test_keys_that_choose_code_or_files_are_left_out(described):
    root = described(
        "BertModel",
        "bert",
        attn_implementation="someone/kernels",
        transformers_weights="../other.safetensors",
        hidden_size=32,
    )
    kept = read_architecture(root).config
    assert kept["hidden_size"] == 32
    assert not {"attn_implementation", "transformers_weights"} & set(kept)
