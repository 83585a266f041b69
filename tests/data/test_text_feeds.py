import numpy as np
import pytest

from tests.token_models import write_tokenizer
from zoo_compress.core import Artifact, TensorSpec
from zoo_compress.data.text_feeds import fixed_length, require_text_inputs, text_feed
from zoo_compress.data.tokenizer import load_tokenizer
from zoo_compress.errors import InputError

IDS = TensorSpec(name="input_ids", shape=("batch", "sequence"), dtype="int64")


def spec(name, *shape, dtype="int64"):
    return TensorSpec(name=name, shape=shape or ("batch", "sequence"), dtype=dtype)


@pytest.fixture
def encode(tmp_path):
    def encoded(*parts, length=None, **configs):
        companions = write_tokenizer(tmp_path, "it", "rains", **configs)
        artifact = Artifact(source="a", model_path=tmp_path, companions=companions)
        tokenizer = load_tokenizer(artifact)
        return tokenizer.encode([parts], length=length)[0]

    return encoded


def test_inputs_are_filled_by_name_in_their_own_types(encode):
    specs = [
        spec("token_type_ids"),
        spec("attention_mask", dtype="float32"),
        spec("input_ids", dtype="int32"),
        spec("position_ids"),
    ]
    require_text_inputs(specs)
    feed = text_feed(encode("it", "rains"), specs)
    assert list(feed) == [each.name for each in specs]
    assert feed["input_ids"].dtype == np.int32
    assert feed["input_ids"].tolist() == [[2, 4, 3, 5, 3]]
    assert feed["token_type_ids"].tolist() == [[0, 0, 0, 1, 1]]
    assert feed["attention_mask"].dtype == np.float32
    assert feed["attention_mask"].tolist() == [[1, 1, 1, 1, 1]]
    assert feed["position_ids"].tolist() == [[0, 1, 2, 3, 4]]


def test_positions_count_from_the_first_token_behind_the_padding(encode):
    left = encode("it", length=5, tokenizer_config={"padding_side": "left"})
    specs = [IDS, spec("position_ids")]
    assert text_feed(left, specs)["position_ids"].tolist() == [[0, 0, 0, 1, 2]]
    assert text_feed(left, specs, first_position=2)["position_ids"].tolist() == [[2, 2, 2, 3, 4]]


def test_caches_are_empty(encode):
    specs = [
        IDS,
        spec("past_key_values.0.key", "batch", 4, "past", 8, dtype="float16"),
        spec("past_key_values.0.value", 1, 4, None, 8, dtype="float32"),
        spec("use_cache_branch", 1, dtype="bool"),
    ]
    require_text_inputs(specs)
    feed = text_feed(encode("it"), specs)
    assert feed["past_key_values.0.key"].shape == (1, 4, 0, 8)
    assert feed["past_key_values.0.key"].dtype == np.float16
    assert feed["past_key_values.0.value"].shape == (1, 4, 0, 8)
    assert feed["use_cache_branch"].tolist() == [False]


@pytest.mark.parametrize("shape", [("batch", 4, 16, 8), ("batch", "heads", "past", 8)])
def test_a_cache_that_cannot_be_empty_is_refused(shape):
    specs = [IDS, spec("past_key_values.0.key", *shape, dtype="float32")]
    with pytest.raises(InputError, match=r"'past_key_values\.0\.key' \(batch, .* without a cache"):
        require_text_inputs(specs)


def test_an_input_that_no_text_tells_is_named():
    specs = [IDS, spec("pixel_values", 1, 3, 8, 8, dtype="float32")]
    with pytest.raises(InputError, match=r"input 'pixel_values' float32 \(1, 3, 8, 8\); give all"):
        require_text_inputs(specs)


def test_the_least_fixed_length_of_the_inputs_counts():
    assert fixed_length([IDS, spec("attention_mask")]) is None
    assert fixed_length([IDS, spec("attention_mask", "batch", 16)]) == 16
    assert fixed_length([spec("input_ids", 1, 8), spec("position_ids", 1, 16)]) == 8
