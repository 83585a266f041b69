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
    message = r"data 'no/such/thing': no such file or folder; give `synthetic`, a folder of images"
    with pytest.raises(InputError, match=message):
        load("no/such/thing", artifact)


def test_another_kind_of_file_is_named_with_what_is_accepted(artifact, tmp_path):
    (tmp_path / "data.csv").write_text("1,2,3")
    with pytest.raises(InputError, match=r"data\.csv' is not accepted; give .* a \.npz file"):
        load(tmp_path / "data.csv", artifact)


def test_numpy_files_are_told_apart_by_their_suffix(artifact, tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", x=array)
    for name in ("a.npy", "a.npz"):
        inputs = load(tmp_path / name, artifact)
        assert np.array_equal(np.concatenate([feed["x"] for feed in inputs.feeds]), array)


def test_a_folder_is_taken_for_images(artifact, tmp_path):
    image = TensorSpec(name="x", shape=("batch", 3, 8, 8), dtype="float32")
    with pytest.raises(InputError, match=r"needs? .*preprocessor_config\.json"):
        load(tmp_path, artifact, image)


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
