import json

import numpy as np
import pytest
from PIL import Image

from zoo_compress.core import Artifact, TensorSpec
from zoo_compress.data.images import load_images
from zoo_compress.errors import InputError

NCHW = TensorSpec(name="pixels", shape=("batch", 3, 8, 8), dtype="float32")
CONFIG = {"size": {"height": 8, "width": 8}, "image_mean": 0.5, "image_std": 0.5}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    return folder


def save(path, colour="white", size=(20, 10)):
    Image.new("RGB", size, colour).save(path)


def load(folder, *specs, config=CONFIG, count=100, seed=0):
    path = folder.parent / "preprocessor_config.json"
    path.write_text(json.dumps(config))
    artifact = Artifact(source="a/b", model_path=folder / "model.onnx", companions=(path,))
    return load_images(folder, artifact=artifact, specs=specs or [NCHW], count=count, seed=seed)


def test_images_of_every_kind_and_depth_are_found_in_order(folder):
    for name in ("b.jpg", "deep/a.PNG", "c.webp", "d.bmp", "a.jpeg"):
        save(folder / name)
    (folder / "readme.txt").write_text("no image")
    (folder / "._b.jpg").write_bytes(b"a hidden resource fork")
    inputs = load(folder)
    assert inputs.names == ["a.jpeg", "b.jpg", "c.webp", "d.bmp", "deep/a.PNG"]
    assert inputs.groups == inputs.names
    assert inputs.description == "5 images in folder photos"
    assert not inputs.synthetic


def test_a_folder_for_each_class_is_read_like_any_other(folder):
    for name in ("cats/1.jpg", "dogs/1.jpg"):
        (folder / name).parent.mkdir()
        save(folder / name)
    inputs = load(folder)
    assert inputs.names == inputs.groups == ["cats/1.jpg", "dogs/1.jpg"]
    assert inputs.labels is None


def test_an_image_becomes_one_normalised_sample(folder):
    save(folder / "a.png", "white")
    array = load(folder).feeds[0]["pixels"]
    assert array.shape == (1, 3, 8, 8)
    assert array.dtype == np.float32
    assert array == pytest.approx(1.0)


def test_an_input_with_channels_last_gets_them_last(folder):
    save(folder / "a.png", (255, 0, 0))
    spec = TensorSpec(name="pixels", shape=("batch", "height", "width", 3), dtype="float16")
    array = load(folder, spec).feeds[0]["pixels"]
    assert array.shape == (1, 8, 8, 3)
    assert array.dtype == np.float16
    assert array[0, 0, 0].tolist() == [1, -1, -1]


def test_too_many_images_are_drawn_with_the_seed(folder):
    for number in range(30):
        save(folder / f"{number:02d}.png")
    inputs = load(folder, count=4, seed=5)
    assert len(set(inputs.names)) == 4
    assert inputs.description == "4 of 30 images in folder photos, drawn with seed 5"
    assert load(folder, count=4, seed=5).names == inputs.names


def test_leading_numbers_are_labels_only_when_every_image_has_one(folder):
    save(folder / "281_cat.jpg")
    save(folder / "deep" / "007_shark.jpg")
    assert load(folder).labels == [281, 7]
    save(folder / "dog.jpg")
    assert load(folder).labels is None


def test_a_truncated_jpeg_is_named_in_the_error(folder):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "b.jpg")
    data = (folder / "b.jpg").read_bytes()
    (folder / "b.jpg").write_bytes(data[: len(data) // 2])
    (folder / "c.png").write_bytes(b"no image at all")
    save(folder / "a.jpg")
    with pytest.raises(InputError, match=r"b\.jpg' does not decode as an image \(2 of 3 images"):
        load(folder)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp"])
def test_no_damage_to_a_file_escapes_as_another_error(folder, suffix):
    path = folder / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    generator = np.random.default_rng(1)
    messages = []
    for _ in range(60):
        damaged = bytearray(whole[: generator.integers(0, len(whole))])
        for position in generator.integers(0, max(1, len(damaged)), size=5):
            damaged[position : position + 1] = bytes([generator.integers(0, 256)])
        path.write_bytes(damaged)
        try:
            load(folder)
        except InputError as error:
            messages.append(str(error))
    assert messages
    assert all(f"a.{suffix}" in message for message in messages)


def test_a_folder_without_images_is_an_error(folder):
    with pytest.raises(InputError, match=r"photos' has no images \(\.jpg, \.jpeg, \.png"):
        load(folder)


def test_a_missing_configuration_says_what_to_write(folder):
    save(folder / "a.jpg")
    artifact = Artifact(source="a/b", model_path=folder / "model.onnx")
    message = r"need a preprocessor_config\.json beside the model, which 'a/b' does not have; "
    with pytest.raises(InputError, match=message + ".*image_mean"):
        load_images(folder, artifact=artifact, specs=[NCHW], count=1, seed=0)


def test_a_mismatch_with_the_fixed_size_names_both_shapes(folder):
    save(folder / "a.jpg")
    spec = TensorSpec(name="pixels", shape=("batch", 3, 9, 9), dtype="float32")
    message = r"makes images of shape \(1, 3, 8, 8\), but input 'pixels' takes \(batch, 3, 9, 9\)"
    with pytest.raises(InputError, match=message):
        load(folder, spec)


@pytest.mark.parametrize(
    "specs",
    [
        [TensorSpec(name="ids", shape=("batch", "seq"), dtype="int64")],
        [TensorSpec(name="bytes", shape=("batch", 3, 8, 8), dtype="uint8")],
        [NCHW, TensorSpec(name="scale", shape=("batch",), dtype="float32")],
    ],
)
def test_a_model_without_a_single_image_input_is_pointed_to_npz(folder, specs):
    save(folder / "a.jpg")
    with pytest.raises(InputError, match=r"one 4-D float input; .* give its inputs in a \.npz"):
        load(folder, *specs)
