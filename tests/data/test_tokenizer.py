import json

import pytest

from tests.token_models import write_tokenizer
from zoo_compress.core import Artifact
from zoo_compress.data.tokenizer import LONGEST, load_tokenizer
from zoo_compress.errors import InputError

WORDS = ("it", "rains", "and", "snows")


def loaded(tmp_path, **configs):
    companions = write_tokenizer(tmp_path, *WORDS, **configs)
    return load_tokenizer(artifact(tmp_path, companions))


def artifact(tmp_path, companions):
    return Artifact(source="a/b", model_path=tmp_path / "model.onnx", companions=companions)


def ids(tokenizer, *parts, length=None):
    return tokenizer.encode([parts], length=length)[0].ids


def test_texts_and_pairs_become_ids_without_padding(tmp_path):
    tokenizer = loaded(tmp_path)
    assert ids(tokenizer, "it rains") == [2, 4, 5, 3]
    (pair,) = tokenizer.encode([("it rains", "and snows")], length=None)
    assert pair.ids == [2, 4, 5, 3, 6, 7, 3]
    assert pair.type_ids == [0, 0, 0, 0, 1, 1, 1]


def test_padding_that_the_file_asks_for_is_left_out_unless_the_length_is_fixed(tmp_path):
    companions = write_tokenizer(tmp_path, *WORDS)
    content = json.loads((tmp_path / "tokenizer.json").read_text())
    content["padding"] = {
        "strategy": {"Fixed": 20},
        "direction": "Left",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    tokenizer = load_tokenizer(artifact(tmp_path, companions))
    assert ids(tokenizer, "it rains") == [2, 4, 5, 3]
    assert ids(tokenizer, "it rains", length=6) == [0, 0, 2, 4, 5, 3]


@pytest.mark.parametrize(
    ("configs", "longest"),
    [
        ({}, LONGEST),
        ({"tokenizer_config": {"model_max_length": 1e30}}, LONGEST),
        ({"tokenizer_config": {"model_max_length": 1000000000000000019884624838656}}, LONGEST),
        ({"tokenizer_config": {"model_max_length": 64}}, 64),
        ({"config": {"max_position_embeddings": 100}}, 100),
        ({"config": {"max_position_embeddings": -1, "n_positions": 90}}, 90),
        ({"config": {"model_type": "roberta", "pad_token_id": 1, "n_positions": 130}}, 128),
        ({"config": {"n_positions": 90}, "tokenizer_config": {"model_max_length": 80}}, 80),
        ({"config": {"max_position_embeddings": 131072}}, LONGEST),
    ],
)
def test_the_least_limit_of_the_models_files_cuts_texts_off(tmp_path, configs, longest):
    tokenizer = loaded(tmp_path, **configs)
    assert tokenizer.longest == longest
    assert len(ids(tokenizer, "it " * 1000)) == longest


def test_a_fixed_length_cuts_and_pads(tmp_path):
    tokenizer = loaded(tmp_path)
    assert ids(tokenizer, "it rains and snows", length=5) == [2, 4, 5, 6, 3]
    (short,) = tokenizer.encode([("it",)], length=5)
    assert (short.ids, short.attention_mask) == ([2, 4, 3, 0, 0], [1, 1, 1, 0, 0])


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ({"tokenizer_config": {"pad_token": "snows"}}, [2, 4, 3, 7]),
        ({"tokenizer_config": {"pad_token": {"content": "snows"}}}, [2, 4, 3, 7]),
        ({"tokenizer_config": {"pad_token": "[PAD]", "padding_side": "left"}}, [0, 2, 4, 3]),
        ({"config": {"pad_token_id": 5}}, [2, 4, 3, 5]),
        ({"config": {"pad_token_id": None, "eos_token_id": 6}}, [2, 4, 3, 6]),
    ],
)
def test_padding_is_what_the_models_files_say(tmp_path, configs, expected):
    assert ids(loaded(tmp_path, **configs), "it", length=4) == expected


def test_texts_are_cut_on_the_side_that_the_configuration_names(tmp_path):
    tokenizer = loaded(tmp_path, tokenizer_config={"truncation_side": "left"})
    assert ids(tokenizer, "it rains and snows", length=4) == [2, 6, 7, 3]


def test_a_length_without_room_for_a_text_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"takes 2 tokens at a time, of which 2 are special"):
        ids(loaded(tmp_path), "it", length=2)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"version": "1.0"}'])
def test_a_broken_file_is_one_line(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"^tokenizer\.json is broken: ") as caught:
        load_tokenizer(artifact(tmp_path, (path,)))
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(InputError, match=r"need a tokenizer\.json .* 'a/b' does not have; .*save"):
        load_tokenizer(artifact(tmp_path, ()))


def test_a_broken_configuration_beside_it_is_named(tmp_path):
    companions = write_tokenizer(tmp_path, tokenizer_config=[1])
    with pytest.raises(InputError, match=r"^tokenizer_config\.json: expected an object"):
        load_tokenizer(artifact(tmp_path, companions))


def test_a_missing_library_is_named_with_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(InputError, match=r"need the tokenizers library; run: pip .*\[text\]'"):
        load_tokenizer(artifact(tmp_path, (path,)))
