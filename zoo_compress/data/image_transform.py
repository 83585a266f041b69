"""Turn a photograph into the array that a model's preprocessor configuration describes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from zoo_compress.core import FloatArray
from zoo_compress.data.preprocessor_config import Box, PreprocessorConfig


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image as 8-bit RGB, turned upright as its EXIF orientation says."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16"):
        # Pillow clips 16-bit greys at 255 instead of scaling them.
        upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
    if upright.mode == "P" and "transparency" in upright.info:
        upright = upright.convert("RGBA")
    return upright.convert("RGB")


def prepare_image(image: Image.Image, config: PreprocessorConfig) -> FloatArray:
    """Resize, crop, rescale and normalise an RGB image, in this order.

    Returns:
        float32, shape (3, height, width), channels in the order that the configuration names.
    """
    if config.do_resize:
        size = resized_size(config, width=image.width, height=image.height)
        image = image.resize(size, resample=Image.Resampling(config.resample))
    if config.crops and config.crop is not None and not config.warps:
        image = crop_centre(image, config.crop)
    return normalise(np.asarray(image), config)


def resized_size(config: PreprocessorConfig, *, width: int, height: int) -> tuple[int, int]:
    """Return the (width, height) that an image is resized to, before the crop."""
    target = config.target
    if target is None:
        return width, height
    if isinstance(target, Box):
        return int(target.width / config.share), int(target.height / config.share)
    if config.warps:
        return target.length, target.length
    if target.longest is not None:
        return _within(target.length, target.longest, width=width, height=height)
    edge = int(target.length / config.share)
    if width <= height:
        return edge, int(edge * height / width)
    return int(edge * width / height), edge


def _within(shortest: int, longest: int, *, width: int, height: int) -> tuple[int, int]:
    """Return the (width, height) with a shorter side as asked, or less to bound the longer one."""
    low, high = sorted((width, height))
    edge: float = shortest
    if high / low * shortest > longest:
        edge = longest * low / high
    short, long = round(edge), int(edge * high / low)
    if low == short:
        long = high
    return (short, long) if width < height else (long, short)


def crop_centre(image: Image.Image, box: Box) -> Image.Image:
    """Cut a box out of the centre; where it is larger than the image, the rest is black."""
    top = (image.height - box.height) // 2
    left = (image.width - box.width) // 2
    return image.crop((left, top, left + box.width, top + box.height))


def normalise(pixels: npt.NDArray[np.uint8], config: PreprocessorConfig) -> FloatArray:
    """Rescale and normalise 8-bit RGB pixels.

    Args:
        pixels: Shape (height, width, 3).
        config: Says what to do.

    Returns:
        float32, shape (3, height, width).
    """
    # Channels come first from the start: numpy takes several times as long to go through the
    # pixels with three numbers at a time.
    values: FloatArray = pixels.transpose(2, 0, 1).astype(np.float32, order="C")
    if config.do_flip_channel_order or config.channel_order == "BGR":
        values = values[::-1]
    if config.do_rescale:
        values = values * np.float32(config.rescale_factor)
        if config.rescale_offset:
            values = values - np.float32(1)
    deviation = _by_channel(config.image_std or 1)
    if config.normalises:
        values = (values - _by_channel(config.image_mean)) / deviation
    if config.include_top:
        # EfficientNet's processor divides a second time for classifiers.
        values = values / deviation
    return np.ascontiguousarray(values)


def _by_channel(numbers: object) -> FloatArray:
    """Return a number for all channels or one for each, to go with channels first."""
    found: FloatArray = np.array(numbers, dtype=np.float32).reshape(-1, 1, 1)
    return found
