import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.hub.export.tiny import save, tiny_model
from zoo_compress.errors import SourceError
from zoo_compress.hub.export.architecture import Architecture, read_architecture
from zoo_compress.hub.export.load import load_torch_model
from zoo_compress.hub.export.weights import find_weights


def load(root):
    return load_torch_model(root, read_architecture(root), find_weights(root))


def change_weights(root, change):
    path = root / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def hidden(model, ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor(ids)).last_hidden_state.numpy()


def test_a_model_is_what_was_saved(bert):
    loaded = load(bert)
    ids = [[5, 6, 7]]
    expected = hidden(tiny_model("BertModel"), ids)
    assert hidden(loaded.module, ids) == pytest.approx(expected, abs=1e-5)
    assert (loaded.modality, loaded.main_input, loaded.unused) == ("text", "input_ids", ())
    assert loaded.takes("token_type_ids")
    assert not loaded.takes("pixel_values")


def test_sharded_weights_make_the_same_model(bert, tmp_path):
    shards = save(tiny_model("BertModel"), tmp_path / "sharded", max_shard_size="20kB")
    assert len(list(shards.glob("model-*.safetensors"))) > 1
    expected = hidden(load(bert).module, [[5]])
    assert hidden(load(shards).module, [[5]]) == pytest.approx(expected, abs=1e-5)


def test_half_precision_is_widened(tmp_path):
    root = save(tiny_model("BertModel").half(), tmp_path / "half")
    assert {each.dtype for each in load(root).module.parameters()} == {torch.float32}


def test_a_missing_weight_is_an_error_and_not_a_random_one(bert):
    change_weights(bert, lambda tensors: tensors.pop("encoder.layer.1.output.dense.weight"))
    problem = r"lack 'encoder\.layer\.1\.output\.dense\.weight', which BertModel needs"
    with pytest.raises(SourceError, match=problem):
        load(bert)


def test_many_missing_weights_are_counted(bert):
    def drop(tensors):
        for name in [name for name in tensors if name.startswith("encoder.layer.1.")]:
            del tensors[name]

    change_weights(bert, drop)
    with pytest.raises(SourceError, match=r"' and 13 more weights, which BertModel needs"):
        load(bert)


def test_a_weight_of_another_shape_is_an_error_and_not_a_random_one(bert):
    name = "embeddings.word_embeddings.weight"
    change_weights(bert, lambda tensors: tensors.update({name: torch.zeros(60, 32)}))
    with pytest.raises(SourceError, match=rf"'{name}' is of shape \(60, 32\).*\(120, 32\)"):
        load(bert)


def test_a_configuration_of_other_sizes_is_an_error(bert, reconfigure):
    reconfigure(bert, intermediate_size=48)
    with pytest.raises(SourceError, match=r"is of shape .* its config\.json asks for"):
        load(bert)


def test_a_configuration_far_larger_than_the_weights_is_refused_before_it_is_built(
    bert, reconfigure
):
    reconfigure(bert, vocab_size=10**12)
    with pytest.raises(SourceError, match=r"describes a model of 32,000,0.* parameters, but its"):
        load(bert)


def test_a_missing_pooler_is_left_out(bert):
    def drop(tensors):
        del tensors["pooler.dense.weight"], tensors["pooler.dense.bias"]

    change_weights(bert, drop)
    module = load(bert).module
    with torch.no_grad():
        result = module(input_ids=torch.tensor([[5, 6]]))
    assert result.pooler_output is None
    assert not any(name.startswith("pooler") for name, _ in module.named_parameters())


def test_tensors_that_the_model_does_not_have_are_told(bert):
    change_weights(bert, lambda tensors: tensors.update({"mine": torch.zeros(2)}))
    assert load(bert).unused == ("mine",)


@pytest.mark.parametrize(
    "keys",
    [
        {"hidden_size": "large"},
        {"hidden_size": 33},
        {"max_position_embeddings": {}},
        {"hidden_act": "os.system"},
        {"num_attention_heads": 0},
        {"vocab_size": -5},
    ],
)
def test_a_configuration_that_makes_no_sense_is_one_line(keys, bert, reconfigure):
    reconfigure(bert, **keys)
    with pytest.raises(SourceError, match=r"bert': ") as caught:
        load(bert)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "model_type", "problem"),
    [
        ("GPT2Model", "gpt2", "generates text"),
        ("T5Model", "t5", "takes 'decoder_attention_mask'"),
        ("WhisperModel", "whisper", "takes 'decoder_"),
        ("CLIPModel", "clip", "is made of several models"),
        ("CLIPForImageClassification", "clip", "is made of several models"),
        ("LayoutLMForSequenceClassification", "layoutlm", "takes 'bbox'"),
        ("PerceiverForImageClassificationLearned", "perceiver", "takes 'pixel_values'"),
    ],
)
def test_models_with_decoders_or_several_inputs_are_refused(name, model_type, problem, bert):
    architecture = Architecture(name=name, model_type=model_type, modality=None, config={})
    with pytest.raises(SourceError, match=rf"{name} {problem}.*; supported are"):
        load_torch_model(bert, architecture, find_weights(bert))


def test_an_encoder_that_is_configured_as_a_decoder_is_refused(bert, reconfigure):
    reconfigure(bert, is_decoder=True)
    with pytest.raises(SourceError, match="BertModel has a decoder"):
        load(bert)


def test_no_file_beside_configuration_and_weights_is_read(bert, tmp_path):
    adapter = {"base_model_name_or_path": str(tmp_path / "elsewhere"), "peft_type": "LORA"}
    (bert / "adapter_config.json").write_text(json.dumps(adapter))
    (bert / "pytorch_model.bin").write_bytes(b"cposix\nsystem\n(S'exit 1'\ntR.")
    (bert / "generation_config.json").write_text("{")
    assert load(bert).unused == ()
