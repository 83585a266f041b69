"""What stands in for data that nobody named: a text of our own, and photographs of packages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from zoo_compress.core import Artifact, Inputs, TensorSpec
from zoo_compress.data.companion_files import companion
from zoo_compress.data.image_transform import prepare_image, resized_size
from zoo_compress.data.images import find_config, fit_to_input, image_input
from zoo_compress.data.location import Location
from zoo_compress.data.preprocessor_config import FILE_NAME
from zoo_compress.data.samples import photographs
from zoo_compress.data.samples.packaged import is_installed
from zoo_compress.data.text_feeds import takes_text
from zoo_compress.data.text_files import read_texts
from zoo_compress.data.texts import encoded
from zoo_compress.data.tokenizer import FILE_NAME as TOKENIZER
from zoo_compress.errors import InputError

TEXT = Path(__file__).with_name("builtin_text.txt")
CROPS_PER_PHOTOGRAPH = 20
SQUARE = 256
"""Side of the square photograph that a processor is asked what size it makes of it."""


def has_text_stand_in(artifact: Artifact, specs: Sequence[TensorSpec]) -> bool:
    """Tell whether a model reads texts and has a tokenizer."""
    return takes_text(specs) and companion(artifact, TOKENIZER) is not None


def builtin_text(artifact: Artifact, specs: Sequence[TensorSpec]) -> Inputs:
    """Return English sentences written for this package as samples; each is a group.

    Raises:
        InputError: As `encoded` does.
    """
    texts = list(read_texts(Location(path=TEXT)))
    description = f"the built-in English text of zoo-compress, {len(texts)} sentences"
    return encoded(texts, artifact=artifact, specs=specs, description=description)


def has_image_stand_in(artifact: Artifact, specs: Sequence[TensorSpec]) -> bool:
    """Tell whether a model takes images, says how, and there are photographs to show it."""
    try:
        image_input(specs)
    except InputError:
        return False
    described = companion(artifact, FILE_NAME) is not None
    return described and all(map(is_installed, photographs.PACKAGES))


def packaged_crops(artifact: Artifact, specs: Sequence[TensorSpec], *, seed: int) -> Inputs:
    """Return random crops of the photographs that packages carry; a group is a photograph.

    Raises:
        InputError: If the model's preprocessor configuration does not fit it.
        SampleError: If a package is missing.
    """
    spec, config = image_input(specs), find_config(artifact)
    whole = photographs.packaged_photographs()
    crops = list(
        photographs.random_crops(
            whole,
            each=CROPS_PER_PHOTOGRAPH,
            side=max(resized_size(config, width=SQUARE, height=SQUARE)),
            resample=Image.Resampling(config.resample),
            seed=seed,
        )
    )
    return Inputs(
        feeds=[{spec.name: fit_to_input(prepare_image(c.image, config), spec)} for c in crops],
        groups=[crop.photograph for crop in crops],
        names=[crop.name for crop in crops],
        description=f"{len(crops)} random crops of {len(whole)} photographs packaged with "
        "scikit-image, scikit-learn and foolbox",
    )
