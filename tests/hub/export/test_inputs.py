import json
from types import SimpleNamespace

import numpy as np
import pytest

from zoo_compress.data.preprocessor_config import Box
from zoo_compress.errors import SourceError
from zoo_compress.hub.export.inputs import CHECKED_SIZES, image_sizes, interfaces
from zoo_compress.hub.export.load import TorchModel


def model(modality, main_input, *names, **config):
    parameters = ", ".join(("input_ids", *names))
    module = SimpleNamespace(forward=eval(f"lambda {parameters}: None"))
    return TorchModel(
        module=module,
        config=SimpleNamespace(**config),
        modality=modality,
        main_input=main_input,
        unused=(),
    )


def only(found, folder):
    (interface,) = interfaces(found, folder)
    return interface


def prepared(folder, **keys):
    config = {"do_rescale": True, "do_normalize": False, **keys}
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    return folder


def test_texts_vary_in_number_and_length_and_some_are_padded(tmp_path):
    text = model("text", "input_ids", "token_type_ids", vocab_size=9, type_vocab_size=2)
    interface = only(text, tmp_path)
    assert interface.axes == {0: "batch_size", 1: "sequence_length"}
    assert [feed["input_ids"].shape for feed in interface.checks] == list(CHECKED_SIZES)
    for feed in interface.checks:
        assert list(feed) == ["input_ids", "attention_mask", "token_type_ids"]
        assert np.array_equal(feed["input_ids"] == 0, feed["attention_mask"] == 0)
        assert feed["input_ids"].max() < 9
    assert interface.checks[1]["attention_mask"].min() == 0


def test_a_text_is_no_longer_than_the_positions_that_the_model_knows(tmp_path):
    text = model("text", "input_ids", vocab_size=9, max_position_embeddings=20, pad_token_id=1)
    longest = max(feed["input_ids"].shape[1] for feed in only(text, tmp_path).checks)
    assert longest == 18


def test_segments_that_are_all_the_same_are_no_input(tmp_path):
    text = model("text", "input_ids", "token_type_ids", vocab_size=9, type_vocab_size=1)
    assert list(only(text, tmp_path).example) == ["input_ids", "attention_mask"]


def test_images_come_in_the_prepared_size_first_then_as_configured(tmp_path):
    crop = prepared(tmp_path, size={"shortest_edge": 80}, crop_size=64, do_center_crop=True)
    assert image_sizes(SimpleNamespace(image_size=[32, 48]), crop) == [
        Box(64, 64),
        Box(32, 48),
        Box(224, 224),
    ]


@pytest.mark.parametrize(
    ("keys", "first"),
    [
        ({"size": {"height": 30, "width": 40}}, Box(30, 40)),
        ({"size": 50}, Box(50, 50)),
        ({"size": {"shortest_edge": 50}}, Box(224, 224)),
        ({"size": {"height": 10**9, "width": 40}}, Box(224, 224)),
        ({}, Box(224, 224)),
    ],
)
def test_the_prepared_size_is_that_of_the_whole_image_where_nothing_is_cropped(
    keys, first, tmp_path
):
    assert image_sizes(SimpleNamespace(), prepared(tmp_path, **keys))[0] == first


def test_images_vary_in_number_only(tmp_path):
    image = model("image", "pixel_values", image_size=16, num_channels=1)
    sizes = interfaces(image, tmp_path)
    interface = next(sizes)
    assert interface.axes == {0: "batch_size"}
    shapes = [feed["pixel_values"].shape for feed in interface.checks]
    assert shapes == [(1, 1, 16, 16), (3, 1, 16, 16), (4, 1, 16, 16)]


def test_waveforms_vary_in_length_and_spectrograms_do_not(tmp_path):
    waveform = only(model("audio", "input_values"), tmp_path)
    assert waveform.axes == {0: "batch_size", 1: "sequence_length"}
    spectrogram = model("audio", "input_features", num_mel_bins=4, max_source_positions=5)
    assert only(spectrogram, tmp_path).example["input_features"].shape == (2, 4, 10)


@pytest.mark.parametrize("channels", [0, 10**9, "3", None])
def test_a_number_that_makes_no_sense_is_named(channels, tmp_path):
    with pytest.raises(SourceError, match=r"'num_channels' is .* needs a number from 1 to 16"):
        next(interfaces(model("image", "pixel_values", num_channels=channels), tmp_path))
