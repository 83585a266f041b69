import json

import numpy as np
import pytest
from PIL import Image

from zoo_compress.data.image_transform import prepare_image, to_rgb
from zoo_compress.data.preprocessor_config import PreprocessorConfig

PLAIN = {"do_resize": False, "do_rescale": False, "do_normalize": False}


def config(**keys):
    return PreprocessorConfig.model_validate({**PLAIN, **keys})


def photograph(width=300, height=210):
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def test_pixels_come_out_channels_first():
    image = photograph()
    expected = np.asarray(image).transpose(2, 0, 1)
    assert np.array_equal(prepare_image(image, config()), expected)


def test_bgr_reverses_the_channels():
    image = photograph()
    expected = np.asarray(image).transpose(2, 0, 1)[::-1]
    assert np.array_equal(prepare_image(image, config(channel_order="BGR")), expected)
    assert np.array_equal(prepare_image(image, config(do_flip_channel_order=True)), expected)


def test_means_belong_to_the_channels_after_their_reversal():
    keys = {"do_normalize": True, "image_mean": [100, 0, 0], "image_std": [1, 1, 1]}
    image = Image.new("RGB", (1, 1), (10, 20, 130))
    found = prepare_image(image, config(channel_order="BGR", **keys))
    assert found.ravel().tolist() == [30, 20, 10]


def test_rescaling_comes_before_normalising():
    keys = {"do_rescale": True, "do_normalize": True, "image_mean": 0.5, "image_std": 0.25}
    image = Image.new("RGB", (1, 1), (0, 51, 255))
    found = prepare_image(image, config(**keys))
    assert found.ravel() == pytest.approx([-2, -1.2, 2], abs=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("keys", "shape"),
    [
        ({"size": {"height": 20, "width": 30}}, (20, 30)),
        ({"size": {"shortest_edge": 70}}, (70, 100)),
        ({"size": {"shortest_edge": 70}, "crop_pct": 0.7}, (70, 70)),
        ({"size": {"shortest_edge": 70}, "crop_pct": 0.7, "do_center_crop": False}, (100, 142)),
        ({"size": 70, "do_center_crop": True, "crop_size": 64}, (64, 64)),
        ({"size": {"shortest_edge": 50}, "do_center_crop": True, "crop_size": 64}, (64, 64)),
    ],
)
def test_sizes_come_out_as_asked(keys, shape):
    found = prepare_image(photograph(300, 210), config(do_resize=True, **keys))
    assert found.shape[1:] == shape


def test_a_crop_larger_than_the_image_is_filled_with_black():
    found = prepare_image(
        Image.new("RGB", (2, 2), "white"), config(do_center_crop=True, crop_size=4)
    )
    assert found[0].tolist() == [[0] * 4, [0, 255, 255, 0], [0, 255, 255, 0], [0] * 4]


def test_images_are_turned_as_their_orientation_says():
    image = Image.new("RGB", (4, 2))
    image.getexif()[0x0112] = 6
    assert to_rgb(image).size == (2, 4)


def test_sixteen_bit_greys_keep_their_brightness():
    image = Image.fromarray(np.array([[0, 0x8000, 0xFFFF]], dtype=np.uint16))
    assert np.asarray(to_rgb(image))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(mode):
    assert to_rgb(Image.new(mode, (3, 2))).mode == "RGB"


@pytest.mark.parametrize(
    ("module", "name", "keys"),
    [
        ("convnext", "ConvNext", {"size": {"shortest_edge": 224}}),
        ("convnext", "ConvNext", {"size": {"shortest_edge": 384}}),
        ("convnext", "ConvNext", {"size": 100, "crop_pct": 0.9}),
        ("vit", "ViT", {"size": 200}),
        ("clip", "CLIP", {}),
        ("clip", "CLIP", {"size": 100, "crop_size": 130}),
        ("poolformer", "PoolFormer", {}),
        ("deit", "DeiT", {"size": 128, "crop_size": 127}),
        ("beit", "Beit", {}),
        ("bit", "Bit", {}),
        ("blip", "Blip", {}),
        ("detr", "Detr", {}),
        ("detr", "Detr", {"size": {"shortest_edge": 200, "longest_edge": 250}}),
        ("efficientnet", "EfficientNet", {"size": {"height": 90, "width": 80}}),
        ("efficientnet", "EfficientNet", {"include_top": False, "rescale_offset": True}),
        ("levit", "Levit", {}),
        ("mobilenet_v2", "MobileNetV2", {}),
        ("mobilevit", "MobileViT", {}),
        ("segformer", "Segformer", {"size": {"height": 64, "width": 96}}),
        ("siglip", "Siglip", {}),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_images_come_out_as_from_the_processors_of_transformers(module, name, keys):
    pytest.importorskip("transformers", reason="the reference implementation is not installed")
    path = f"transformers.models.{module}.image_processing_pil_{module}"
    reference = getattr(pytest.importorskip(path), f"{name}ImageProcessorPil")(**keys)
    saved = json.loads(reference.to_json_string()) | keys
    found = prepare_image(
        photograph(),
        PreprocessorConfig.model_validate(
            {key: value for key, value in saved.items() if value is not None}
            | {"image_processor_type": f"{name}ImageProcessor"}
        ),
    )
    expected = np.asarray(reference(photograph(), return_tensors="np")["pixel_values"][0])
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-5
