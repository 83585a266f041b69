import json

import pytest

from zoo_compress.data.preprocessor_config import (
    Box,
    PreprocessorConfig,
    ShortestEdge,
    read_preprocessor_config,
)
from zoo_compress.errors import InputError

MINIMAL = {"size": 8, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}


def read(tmp_path, **changes):
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps({**MINIMAL, **changes}))
    return read_preprocessor_config(path)


def test_null_and_unknown_keys_are_ignored(tmp_path):
    config = read(tmp_path, crop_size=None, do_center_crop=None, do_convert_rgb=True, device="cpu")
    assert config == PreprocessorConfig.model_validate(MINIMAL)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": {"longest_edge": 8}}, r"'size' is \{'longest_edge': 8\}: give"),
        ({"size": {"shortest_edge": 8, "longest_edge": 7}}, r"'size' is .*: give"),
        ({"size": [8]}, r"'size' is \[8\]: give"),
        ({"do_thumbnail": True}, r"'do_thumbnail' is true, a step that is not supported; give"),
        ({"keep_aspect_ratio": True}, r"'keep_aspect_ratio' is true, a step that is not"),
        ({"size": {"height": 0, "width": 8}}, r"'size' is .*: give"),
        ({"size": True}, r"'size' is True: give"),
        ({"crop_size": {"shortest_edge": 8}}, r"'crop_size' is .*: give"),
        ({"resample": 9}, r"'resample' is 9: "),
        ({"resample": "bicubic"}, r"'resample' is 'bicubic': "),
        ({"crop_pct": 1.5}, r"'crop_pct' is 1\.5: "),
        ({"rescale_factor": 0}, r"'rescale_factor' is 0: "),
        ({"image_mean": [0.5, 0.5]}, r"'image_mean' is \[0\.5, 0\.5\]: "),
        ({"image_std": [0.5, 0, 0.5]}, r"'image_std' is \[0\.5, 0, 0\.5\]: "),
        ({"image_std": float("nan")}, r"'image_std' is nan: "),
        ({"do_resize": "perhaps"}, r"'do_resize' is 'perhaps': "),
        ({"data_format": "channels"}, r"'data_format' is 'channels': "),
        ({"channel_order": "RBG"}, r"'channel_order' is 'RBG': .*'RGB' or 'BGR'"),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_its_key(tmp_path, changes, message):
    with pytest.raises(InputError, match=rf"^preprocessor_config\.json: {message}"):
        read(tmp_path, **changes)


@pytest.mark.parametrize("key", ["size", "image_mean", "image_std"])
def test_a_key_that_is_needed_is_missed_by_name(tmp_path, key):
    with pytest.raises(InputError, match=f"'{key}' is missing"):
        read(tmp_path, **{key: None})


def test_what_is_switched_off_needs_no_keys(tmp_path):
    read(tmp_path, do_resize=False, size=None)
    read(tmp_path, do_normalize=False, image_mean=None, image_std=None)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b'"text"', b"\xff\xfe"])
def test_a_file_that_is_no_json_object_is_an_input_error(tmp_path, content):
    path = tmp_path / "preprocessor_config.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"^preprocessor_config\.json: "):
        read_preprocessor_config(path)


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({}, Box(8, 8)),
        ({"do_center_crop": True, "crop_size": 6}, ShortestEdge(8)),
        ({"crop_pct": 0.9}, ShortestEdge(8)),
        ({"feature_extractor_type": "ConvNextFeatureExtractor"}, ShortestEdge(8)),
        ({"do_center_crop": True, "image_processor_type": "DeiTImageProcessor"}, Box(8, 8)),
        ({"default_to_square": False}, ShortestEdge(8)),
        ({"do_center_crop": True, "default_to_square": True}, Box(8, 8)),
        ({"size": {"height": 5, "width": 7}}, Box(5, 7)),
        ({"size": [5, 7]}, Box(5, 7)),
        ({"size": {"shortest_edge": 8, "longest_edge": 9}}, ShortestEdge(8, 9)),
    ],
)
def test_an_integer_size_means_a_square_unless_the_image_is_cropped(tmp_path, changes, target):
    assert read(tmp_path, **changes).target == target


def test_one_mean_stands_for_every_channel(tmp_path):
    assert read(tmp_path, image_mean=0.5).image_mean == (0.5, 0.5, 0.5)


def test_without_a_word_on_normalising_means_decide(tmp_path):
    assert read(tmp_path).normalises
    assert not read(tmp_path, image_mean=None, image_std=None).normalises
    assert not read(tmp_path, image_processor_type="MobileViTImageProcessor").normalises
    assert read(tmp_path, do_normalize=True, image_processor_type="MobileViTX").normalises


def test_the_place_of_the_channels_is_the_models_to_say(tmp_path):
    assert read(tmp_path, data_format="channels_last", do_thumbnail=False) == read(
        tmp_path
    ).model_copy(update={"data_format": "channels_last"})
