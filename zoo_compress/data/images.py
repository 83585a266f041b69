"""Samples from a folder of images."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from zoo_compress.core import Artifact, FloatArray, Inputs, TensorSpec
from zoo_compress.data.companion_files import companion
from zoo_compress.data.draw import describe_draw, draw
from zoo_compress.data.image_transform import prepare_image, to_rgb
from zoo_compress.data.listing import files_below
from zoo_compress.data.preprocessor_config import (
    FILE_NAME,
    PreprocessorConfig,
    read_preprocessor_config,
)
from zoo_compress.data.specs import describe_shape, element_type, fits
from zoo_compress.errors import InputError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
MINIMAL_KEYS = "size, resample, rescale_factor, image_mean, image_std (and crop_size, if it crops)"

UNDECODABLE = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)
"""What Pillow's decoders raise for damaged files."""

_LABEL = re.compile(r"(\d+)_")


def load_images(
    folder: Path, *, artifact: Artifact, specs: Sequence[TensorSpec], count: int, seed: int
) -> Inputs:
    """Load images below a folder as the model's `preprocessor_config.json` says.

    The files count in the order of their names; hidden ones are left out. When every name starts
    with digits and an underscore (`281_cat.jpg`), those digits are the labels.

    Raises:
        InputError: If there is no image, one does not decode, there is no configuration, or the
            model has no single image input of the resulting shape.
    """
    spec = image_input(specs)
    config = find_config(artifact)
    files = image_files(folder)
    chosen = [files[index] for index in draw(len(files), count=count, seed=seed)]
    names = [path.relative_to(folder).as_posix() for path in chosen]
    sources = [(str(path), path) for path in chosen]
    return Inputs(
        feeds=[{spec.name: fit_to_input(array, spec)} for array in decoded(sources, config)],
        groups=names,
        names=names,
        description=describe_draw(
            len(chosen), len(files), what=f"images in folder {folder.resolve().name}", seed=seed
        ),
        labels=_labels(chosen),
    )


def find_config(artifact: Artifact) -> PreprocessorConfig:
    """Return the preprocessor configuration among the model's companion files.

    Raises:
        InputError: If there is none, or it is not valid.
    """
    path = companion(artifact, FILE_NAME)
    if path is not None:
        return read_preprocessor_config(path)
    raise InputError(
        f"images need a {FILE_NAME} beside the model, which '{artifact.source}' does not have; "
        f"write one with the keys {MINIMAL_KEYS}"
    )


def image_files(folder: Path) -> list[Path]:
    """Return the images below a folder, sorted by name, without hidden files.

    Raises:
        InputError: If there is none.
    """
    found = files_below(folder, SUFFIXES)
    if not found:
        raise InputError(f"folder '{folder}' has no images ({', '.join(SUFFIXES)})")
    return found


def image_input(specs: Sequence[TensorSpec]) -> TensorSpec:
    """Return the model's image input: its only input, 4-D and of floats.

    Raises:
        InputError: If the model has other inputs.
    """
    only = specs[0] if len(specs) == 1 else None
    if only is None or len(only.shape) != 4 or element_type(only).kind != "f":
        listed = ", ".join(f"{s.name} {s.dtype} {describe_shape(s.shape)}" for s in specs)
        raise InputError(
            f"images need a model with one 4-D float input; this one has {listed}: "
            "give its inputs in a .npz file"
        )
    return only


def fit_to_input(array: FloatArray, spec: TensorSpec) -> FloatArray:
    """Return a (3, height, width) image as one sample: batch axis, layout and type of the input.

    Raises:
        InputError: If the input has another fixed height, width or channel count.
    """
    channels_last = spec.shape[3] == 3 and spec.shape[1] != 3
    sample = (array.transpose(1, 2, 0) if channels_last else array)[None]
    if not fits(sample.shape, spec.shape):
        raise InputError(
            f"{FILE_NAME} makes images of shape {describe_shape(sample.shape)}, "
            f"but input '{spec.name}' takes {describe_shape(spec.shape)}"
        )
    converted: FloatArray = sample.astype(element_type(spec), order="C")
    return converted


def decoded(
    sources: Sequence[tuple[str, Path | bytes]], config: PreprocessorConfig
) -> list[FloatArray]:
    """Return images as arrays, prepared as a configuration says.

    Args:
        sources: The name of each, for messages, and the file or its bytes.
        config: How to prepare them.

    Raises:
        InputError: If one does not decode; the first is named.
    """
    arrays: list[FloatArray] = []
    damaged: list[str] = []
    for name, source in sources:
        image = _open(source)
        if image is None:
            damaged.append(name)
        else:
            arrays.append(prepare_image(image, config))
    if damaged:
        raise InputError(
            f"'{damaged[0]}' does not decode as an image "
            f"({len(damaged)} of {len(sources)} images do not); remove or replace what is damaged"
        )
    return arrays


def _open(source: Path | bytes) -> Image.Image | None:
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return to_rgb(image)
    except UNDECODABLE:
        return None


def _labels(files: Sequence[Path]) -> list[int] | None:
    found = [_LABEL.match(path.name) for path in files]
    labels = [int(match.group(1)) for match in found if match]
    return labels if len(labels) == len(files) else None
