"""Inputs to export a model with, and others to compare it with torch on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo_compress.core import Feed
from zoo_compress.data.preprocessor_config import FILE_NAME, Box, read_preprocessor_config
from zoo_compress.errors import InputError, SourceError
from zoo_compress.hub.export.load import TorchModel

SEED = 0
BATCH, SEQUENCE = "batch_size", "sequence_length"

EXPORTED_SIZE = (2, 11)
"""Samples and tokens of the example that the exporter follows; no dimension may be 1."""
CHECKED_SIZES = ((1, 5), (3, 33), (4, 200))
"""Samples and tokens on which outputs are compared, none of them exported with."""

SAMPLES_PER_TOKEN = 720
"""Length of a waveform, in samples, where a text would have one token: 0.2 to 9 s at 16 kHz."""

USUAL_SIDE = 224
LARGEST_SIDE = 2048

LIMITS = {
    "max_length": 16_384,
    "max_source_positions": 8192,
    "num_channels": 16,
    "num_mel_bins": 1024,
    "vocab_size": 2**24,
}
"""The most that a configuration may ask of an input: beyond this it is taken for a mistake."""


@dataclass(frozen=True, kw_only=True)
class Interface:
    """How to call a model.

    Attributes:
        axes: Dynamic axes of every input -> their symbols.
        example: What to export with.
        checks: What to compare on, of other sizes.
    """

    axes: Mapping[int, str]
    example: Feed
    checks: tuple[Feed, ...]


def interfaces(model: TorchModel, root: Path) -> Iterator[Interface]:
    """Yield ways to call a model, the likeliest first; only images have several, by size.

    Raises:
        SourceError: If the configuration does not tell the shape of the inputs.
    """
    if model.modality == "text":
        yield _interface({0: BATCH, 1: SEQUENCE}, lambda n, length: _text(model, n, length))
    elif model.modality == "image":
        for box in image_sizes(model.config, root):
            channels = _length(model.config, "num_channels", 3)
            yield _fixed(model.main_input, (channels, box.height, box.width))
    elif (shape := _features(model)) is not None:
        yield _fixed(model.main_input, shape)
    else:
        yield _interface(
            {0: BATCH, 1: SEQUENCE},
            lambda n, length: _floats(model.main_input, (n, length * SAMPLES_PER_TOKEN)),
        )


def image_sizes(config: Any, root: Path) -> list[Box]:
    """Return the sizes that a model's images may have, without repetition.

    First what `preprocessor_config.json` makes of an image, then `image_size`, then 224.
    """
    asked = getattr(config, "image_size", None)
    sides = tuple(asked) if isinstance(asked, list | tuple) else (asked, asked)
    found = [_prepared_size(root)]
    if len(sides) == 2 and all(_is_side(side) for side in sides):
        found.append(Box(*sides))
    found.append(Box(USUAL_SIDE, USUAL_SIDE))
    return list(dict.fromkeys(box for box in found if box is not None))


def _interface(axes: Mapping[int, str], draw: Any) -> Interface:
    return Interface(
        axes=axes,
        example=draw(*EXPORTED_SIZE),
        checks=tuple(draw(*size) for size in CHECKED_SIZES),
    )


def _fixed(name: str, shape: tuple[int, ...]) -> Interface:
    return _interface({0: BATCH}, lambda n, _: _floats(name, (n, *shape)))


def _floats(name: str, shape: tuple[int, ...]) -> Feed:
    generator = np.random.default_rng(SEED)
    return {name: generator.standard_normal(shape, dtype=np.float32)}


def _text(model: TorchModel, samples: int, length: int) -> Feed:
    """Return token ids with their mask; the last of several texts is padded from its middle."""
    config = model.config
    generator = np.random.default_rng(SEED)
    vocabulary, padding = _length(config, "vocab_size", 0), _padding(config)
    shape = (samples, min(length, _positions(config, padding)))
    ids = generator.integers(0, vocabulary, size=shape)
    ids[ids == padding] = (padding + 1) % vocabulary
    mask = np.ones_like(ids)
    if samples > 1:
        mask[-1, shape[1] // 2 :] = 0
    feed = {"input_ids": np.where(mask == 1, ids, padding), "attention_mask": mask}
    kinds = getattr(config, "type_vocab_size", 0)
    if kinds > 1 and model.takes("token_type_ids"):
        feed["token_type_ids"] = generator.integers(0, kinds, size=shape)
    return feed


def _padding(config: Any) -> int:
    padding = getattr(config, "pad_token_id", None)
    return padding if isinstance(padding, int) and padding >= 0 else 0


def _positions(config: Any, padding: int) -> int:
    """Return the longest text; some families count positions from behind the padding's id."""
    longest = getattr(config, "max_position_embeddings", None)
    if not isinstance(longest, int) or longest <= 0:
        return max(length for _, length in CHECKED_SIZES)
    return max(longest - padding - 1, 2)


def _features(model: TorchModel) -> tuple[int, int] | None:
    """Return the shape of a spectrogram, None for a model that reads the waveform."""
    config = model.config
    if model.main_input == "input_features":
        frames = 2 * _length(config, "max_source_positions", 0)
        return _length(config, "num_mel_bins", 0), frames
    if hasattr(config, "num_mel_bins"):
        return _length(config, "max_length", 0), _length(config, "num_mel_bins", 0)
    return None


def _length(config: Any, key: str, default: int) -> int:
    found = getattr(config, key, default)
    most = LIMITS[key]
    if not isinstance(found, int) or not 1 <= found <= most:
        raise SourceError(
            f"config.json: '{key}' is {found!r:.60}; an export needs a number from 1 to {most}"
        )
    return found


def _prepared_size(root: Path) -> Box | None:
    try:
        config = read_preprocessor_config(root / FILE_NAME)
    except InputError:
        return None
    found = config.crop if config.crops or config.warps else config.target
    if isinstance(found, Box) and _is_side(found.height) and _is_side(found.width):
        return found
    return None


def _is_side(value: object) -> bool:
    return isinstance(value, int) and 1 <= value <= LARGEST_SIDE
