import json

import pytest

from zoo_compress.hub.sentence_transformers import sentence_files

ENCODER = {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}
POOLING = {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
NORMALIZE = {"idx": 2, "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
DENSE = {"idx": 2, "path": "2_Dense", "type": "sentence_transformers.models.Dense"}


@pytest.fixture
def write(tmp_path):
    def written(modules):
        (tmp_path / "1_Pooling").mkdir()
        (tmp_path / "1_Pooling" / "config.json").write_text("{}")
        (tmp_path / "sentence_bert_config.json").write_text("{}")
        (tmp_path / "modules.json").write_text(json.dumps(modules))
        return tmp_path

    return written


def test_what_follows_the_encoder_goes_with_it(write):
    root = write([ENCODER, POOLING, NORMALIZE])
    names = {"modules.json", "1_Pooling/config.json", "sentence_bert_config.json"}
    assert sentence_files(root) == {name: root / name for name in names}


@pytest.mark.parametrize(
    "modules",
    [
        [ENCODER, POOLING, DENSE],
        [ENCODER, POOLING | {"path": "../elsewhere"}],
        [ENCODER, POOLING | {"path": "3_Pooling"}],
        {"a": 1},
        [1, 2],
    ],
)
def test_modules_that_need_more_than_there_is_are_left_out_as_a_whole(write, modules):
    assert sentence_files(write(modules)) == {}


def test_links_are_not_followed(write, tmp_path):
    root = write([ENCODER, POOLING])
    (root / "1_Pooling").rename(root / "real")
    (root / "1_Pooling").symlink_to(root / "real")
    assert sentence_files(root) == {}


def test_a_folder_without_them_has_none(tmp_path):
    assert sentence_files(tmp_path) == {}
