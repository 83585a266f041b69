"""Random samples shaped like a model's inputs, for when there is no data."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from zoo_compress.core import AnyArray, Feed, Inputs, TensorSpec
from zoo_compress.data.specs import element_type
from zoo_compress.errors import InputError

SEQUENCE = 32
"""Tokens or frames along a dynamic axis: long enough for attention, cheap to run."""

IMAGE_SIDE = 224
CHANNELS = 3

WAVEFORM = 16_000
"""One second of audio at `SAMPLE_RATE`."""

SAMPLE_RATE = 16_000
SAMPLE_RATE_NAMES = ("sr", "sample_rate", "sampling_rate")

TOKENS = 100
"""Token ids stay below this, so that they are valid for any vocabulary."""

MOST_ELEMENTS = 2**28
"""1 GiB of float32 in one input: beyond this a fixed shape is taken for a mistake."""


def draw_synthetic(specs: Sequence[TensorSpec], *, count: int, seed: int) -> Inputs:
    """Draw samples at random: standard normal floats, small token ids, full attention masks.

    Dynamic axes get length 1 where they count samples, else a length usual for what the input
    looks like (images 224 x 224, 32 tokens, one second of audio); axes of one symbol agree.

    Raises:
        InputError: If an input's element type cannot be drawn or one sample is over 1 GiB.
    """
    shapes = input_shapes(specs)
    generator = np.random.default_rng(seed)
    names = [f"synthetic[{index}]" for index in range(count)]
    return Inputs(
        feeds=[_sample(specs, shapes, generator) for _ in names],
        groups=names,
        names=names,
        description=f"{count} synthetic inputs drawn at random with seed {seed}, not real data",
        synthetic=True,
    )


def input_shapes(specs: Sequence[TensorSpec]) -> list[tuple[int, ...]]:
    """Return the shape of one sample for each input."""
    lengths: dict[str, int] = {}
    return [_shape(spec, lengths) for spec in specs]


def _shape(spec: TensorSpec, lengths: dict[str, int]) -> tuple[int, ...]:
    shape = []
    for axis, length in enumerate(spec.shape):
        if isinstance(length, str):
            length = lengths.setdefault(length, _dynamic_length(spec, axis))
        shape.append(_dynamic_length(spec, axis) if length is None else length)
    if math.prod(shape) > MOST_ELEMENTS:
        raise InputError(f"input '{spec.name}': one sample of shape {tuple(shape)} is too large")
    return tuple(shape)


def _dynamic_length(spec: TensorSpec, axis: int) -> int:
    symbol = spec.shape[axis]
    if axis == 0 or (isinstance(symbol, str) and "batch" in symbol.lower()):
        return 1
    if element_type(spec).kind != "f":
        return SEQUENCE
    if len(spec.shape) == 4:
        return CHANNELS if axis == _channel_axis(spec) else IMAGE_SIDE
    return WAVEFORM if _is_waveform(spec) else SEQUENCE


def _channel_axis(spec: TensorSpec) -> int:
    channels_last = spec.shape[3] == CHANNELS and spec.shape[1] != CHANNELS
    return 3 if channels_last else 1


def _is_waveform(spec: TensorSpec) -> bool:
    """Tell whether only the last axis varies: (batch, time) or (batch, 1, time)."""
    return all(axis == 1 for axis in spec.shape[1:-1])


def _sample(
    specs: Sequence[TensorSpec],
    shapes: Sequence[tuple[int, ...]],
    generator: np.random.Generator,
) -> Feed:
    return {
        spec.name: _values(spec, shape, generator)
        for spec, shape in zip(specs, shapes, strict=True)
    }


def _values(spec: TensorSpec, shape: tuple[int, ...], generator: np.random.Generator) -> AnyArray:
    wanted = element_type(spec)
    if spec.name in SAMPLE_RATE_NAMES and wanted.kind in "iu":
        return np.full(shape, SAMPLE_RATE, dtype=wanted)
    if "attention_mask" in spec.name or wanted.kind == "b":
        return np.ones(shape, dtype=wanted)
    if "token_type_ids" in spec.name:
        return np.zeros(shape, dtype=wanted)
    if "position_ids" in spec.name and shape:
        return np.array(np.broadcast_to(np.arange(shape[-1]), shape), dtype=wanted)
    if wanted.kind in "iu":
        return generator.integers(0, TOKENS, size=shape).astype(wanted)
    return np.asarray(generator.standard_normal(shape)).astype(wanted)
