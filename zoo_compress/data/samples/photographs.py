"""Photographs that packages carry, and random crops of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from zoo_compress.data.image_transform import to_rgb
from zoo_compress.data.samples.packaged import packaged_path

PACKAGES = ("scikit-image", "scikit-learn", "foolbox")

SCIKIT_IMAGE = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
"""Its colour photographs of everyday scenes; the rest are drawings, textures and microscopy."""

SCIKIT_LEARN = ("china.jpg", "flower.jpg")

SMALLEST_AREA = 0.25
"""Share of the photograph that a crop shows at least: less seldom shows the object."""

WIDEST_RATIO = 4 / 3

_IMAGENET = re.compile(r"imagenet_\d+_(\d+)\.jpg")


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A photograph inside a package.

    Attributes:
        name: Package and file, for records.
        path: Where it lies.
        label: Its ImageNet class, where the package says so.
    """

    name: str
    path: Path
    label: int | None = None

    def open(self) -> Image.Image:
        """Decode it as 8-bit RGB."""
        with Image.open(self.path) as image:
            return to_rgb(image)


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A random part of a photograph, resized to a square."""

    name: str
    photograph: str
    image: Image.Image


def packaged_photographs() -> list[Photograph]:
    """Return the photographs of scikit-image, scikit-learn and foolbox.

    Raises:
        SampleError: If one of the packages is missing.
    """
    images = [packaged_path("skimage", "data", name) for name in SCIKIT_IMAGE]
    learn = [packaged_path("sklearn", "datasets", "images", name) for name in SCIKIT_LEARN]
    return [
        *(Photograph(name=f"scikit-image/{path.name}", path=path) for path in images),
        *(Photograph(name=f"scikit-learn/{path.name}", path=path) for path in learn),
        *labelled_photographs(),
    ]


def labelled_photographs() -> list[Photograph]:
    """Return the 20 ImageNet photographs that foolbox carries, with their classes.

    Raises:
        SampleError: If foolbox is missing.
    """
    folder = packaged_path("foolbox", "data")
    matches = [(path, _IMAGENET.fullmatch(path.name)) for path in sorted(folder.iterdir())]
    return [
        Photograph(name=f"foolbox/{path.name}", path=path, label=int(match.group(1)))
        for path, match in matches
        if match
    ]


def random_crops(
    photographs: Sequence[Photograph],
    *,
    each: int,
    side: int,
    resample: Image.Resampling,
    seed: int,
) -> Iterator[Crop]:
    """Yield random crops, half of them mirrored: the augmentation ImageNet models train with.

    Args:
        photographs: What to crop.
        each: Crops of each.
        side: Height and width of a crop after resizing.
        resample: Filter to resize with.
        seed: Seed of position, size and mirroring.
    """
    generator = np.random.default_rng(seed)
    for photograph in photographs:
        whole = photograph.open()
        for index in range(each):
            part = whole.resize((side, side), resample, box=_random_box(whole, generator))
            if generator.random() < 0.5:
                part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            yield Crop(
                name=f"{photograph.name}#{index:02d}", photograph=photograph.name, image=part
            )


def _random_box(
    image: Image.Image, generator: np.random.Generator
) -> tuple[float, float, float, float]:
    """Draw (left, top, right, bottom): area uniform, aspect ratio uniform in its logarithm.

    A side that would be longer than the image's is cut down to it.
    """
    area = generator.uniform(SMALLEST_AREA, 1.0) * image.width * image.height
    ratio = math.exp(generator.uniform(-math.log(WIDEST_RATIO), math.log(WIDEST_RATIO)))
    width = min(math.sqrt(area * ratio), image.width)
    height = min(math.sqrt(area / ratio), image.height)
    left = generator.uniform(0, image.width - width)
    top = generator.uniform(0, image.height - height)
    return left, top, left + width, top + height
