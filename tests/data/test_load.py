import numpy as np
import pytest

from zoo_compress.core import Artifact, TensorSpec
from zoo_compress.data.load import load_inputs
from zoo_compress.errors import InputError

SPEC = TensorSpec(name="x", shape=("batch", 3), dtype="float32")


@pytest.fixture
def artifact(tmp_path):
    return Artifact(source="model.onnx", model_path=tmp_path / "model.onnx")


def load(data, artifact, *specs, count=5, seed=0):
    return load_inputs(str(data), artifact=artifact, specs=specs or [SPEC], count=count, seed=seed)


def test_the_word_synthetic_draws_random_samples(artifact):
    inputs = load("synthetic", artifact)
    assert len(inputs) == 5
    assert inputs.synthetic


def test_a_missing_path_is_named_with_what_is_accepted(artifact):
    message = r"data 'no/such/thing': no such file or folder; give a folder of images, record"
    with pytest.raises(InputError, match=message):
        load("no/such/thing", artifact)


def test_another_kind_of_file_is_named_with_what_is_accepted(artifact, tmp_path):
    (tmp_path / "data.xlsx").write_text("1,2,3")
    with pytest.raises(InputError, match=r"data\.xlsx' is not accepted; give .* \.npz file"):
        load(tmp_path / "data.xlsx", artifact)


def test_numpy_files_are_told_apart_by_their_suffix(artifact, tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", x=array)
    for name in ("a.npy", "a.npz"):
        inputs = load(tmp_path / name, artifact)
        assert np.array_equal(np.concatenate([feed["x"] for feed in inputs.feeds]), array)


def test_a_fixed_batch_is_declined_for_every_source(artifact):
    fixed = TensorSpec(name="x", shape=(4, 3), dtype="float32")
    with pytest.raises(InputError, match="fixed at 4"):
        load("synthetic", artifact, fixed)


def test_nan_in_a_file_is_reported_with_the_sample(artifact, tmp_path):
    array = np.zeros((4, 3), np.float32)
    array[2, 1] = np.nan
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=r"sample 'a\.npy\[2\]', input 'x': it holds NaN"):
        load(tmp_path / "a.npy", artifact)


IMAGE = TensorSpec(name="pixels", shape=("batch", 3, 8, 8), dtype="float32")
TOKENS = TensorSpec(name="input_ids", shape=("batch", "sequence"), dtype="int64")
WAVE = TensorSpec(name="input_values", shape=("batch", "time"), dtype="float32")


@pytest.mark.parametrize(
    ("files", "spec", "message"),
    [
        (["a.jpg"], IMAGE, r"images need a preprocessor_config\.json"),
        (["a.txt"], TOKENS, r"texts need a tokenizer\.json"),
        (["a.wav"], WAVE, r"'a\.wav' does not decode as a recording"),
        # What the model takes goes before what else lies there.
        (["a.jpg", "a.txt", "a.wav"], IMAGE, r"images need a preprocessor"),
        (["a.jpg", "a.txt", "a.wav"], TOKENS, r"texts need a tokenizer"),
        (["a.jpg", "a.txt", "a.wav"], WAVE, r"'a\.wav' does not decode"),
        # Data of the wrong kind says what the model has instead.
        (["a.jpg"], TOKENS, r"images need a model with one 4-D float input; .* input_ids int64"),
        (["a.txt"], IMAGE, r"texts need a model with an input input_ids; .* pixels float32"),
        (["a.wav"], TOKENS, r"recordings need a model with an input input_values or input_feat"),
        (["a.doc", ".a.jpg"], IMAGE, r"has no images, texts or recordings \(images: \.jpg"),
    ],
)
def test_a_folder_is_loaded_as_what_lies_in_it_and_the_model_takes(
    artifact, tmp_path, files, spec, message
):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in files:
        (folder / name).write_bytes(b"no image, no sound")
    with pytest.raises(InputError, match=message):
        load(folder, artifact, spec)


@pytest.mark.parametrize("suffix", ["txt", "jsonl", "csv", "tsv"])
def test_files_of_text_are_told_by_their_suffix(artifact, tmp_path, suffix):
    (tmp_path / f"a.{suffix}").write_text("text")
    with pytest.raises(InputError, match=r"texts need a model with an input input_ids"):
        load(tmp_path / f"a.{suffix}", artifact, IMAGE)


@pytest.mark.parametrize("data", ["", "a\0b", ":", "nothing.csv:text", "x" * 5000])
def test_a_name_that_no_file_has_is_one_line(artifact, data):
    with pytest.raises(InputError, match="no such file or folder"):
        load(data, artifact)
