import json

import numpy as np
import pytest

from tests.token_models import write_tokenizer
from zoo_compress.core import Artifact, TensorSpec
from zoo_compress.data.check import check_feeds
from zoo_compress.data.samples import photographs
from zoo_compress.data.samples.packaged import is_installed
from zoo_compress.data.stand_ins import (
    TEXT,
    builtin_text,
    has_image_stand_in,
    has_text_stand_in,
    packaged_crops,
)

IDS = [TensorSpec(name="input_ids", shape=("batch", "sequence"), dtype="int64")]
PIXELS = [TensorSpec(name="pixels", shape=("batch", 3, 24, 24), dtype="float32")]
CONFIG = {"size": 24, "image_mean": 0.5, "image_std": 0.5}

needs_photographs = pytest.mark.skipif(
    not all(map(is_installed, photographs.PACKAGES)), reason="needs the samples extra"
)


@pytest.fixture
def artifact(tmp_path):
    def made(*companions):
        path = tmp_path / "model.onnx"
        return Artifact(source="a/b", model_path=path, companions=companions)

    return made


@pytest.fixture
def processor(tmp_path):
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(CONFIG))
    return path


def test_the_built_in_text_has_enough_different_sentences():
    lines = TEXT.read_text("ascii").splitlines()
    assert len(set(lines)) == len(lines) >= 300
    lengths = [len(line.split()) for line in lines]
    assert min(lengths) >= 4
    assert max(lengths) >= 15
    assert sum(line.endswith("?") for line in lines) >= 20


def test_the_built_in_text_becomes_samples_that_say_what_they_are(artifact, tmp_path):
    owner = artifact(*write_tokenizer(tmp_path, "the", "The"))
    assert has_text_stand_in(owner, IDS)
    inputs = builtin_text(owner, IDS)
    check_feeds(inputs, IDS)
    assert len(inputs) == len(set(inputs.groups)) >= 300
    assert inputs.description.startswith("the built-in English text of zoo-compress, 3")
    assert not inputs.synthetic


def test_no_text_stands_in_without_a_tokenizer_or_for_another_model(artifact, tmp_path):
    assert not has_text_stand_in(artifact(), IDS)
    assert not has_text_stand_in(artifact(*write_tokenizer(tmp_path)), PIXELS)


@needs_photographs
def test_crops_of_photographs_stand_in_for_a_model_that_says_how_to_prepare_them(
    artifact, processor
):
    owner = artifact(processor)
    assert has_image_stand_in(owner, PIXELS)
    assert not has_image_stand_in(artifact(), PIXELS)
    assert not has_image_stand_in(owner, IDS)
    inputs = packaged_crops(owner, PIXELS, seed=0)
    check_feeds(inputs, PIXELS)
    assert len(inputs) == 20 * len(set(inputs.groups)) == 540
    assert inputs.description.startswith("540 random crops of 27 photographs packaged with")
    spread = np.std([feed["pixels"].mean() for feed in inputs.feeds])
    assert spread > 0.1


def test_no_photographs_stand_in_where_none_are_installed(artifact, processor, monkeypatch):
    monkeypatch.setattr(photographs, "PACKAGES", ("no-such-package",))
    assert not has_image_stand_in(artifact(processor), PIXELS)
