"""The inputs of a model of sound, filled by their names from a waveform."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from zoo_compress.core import AnyArray, Feed, FloatArray, TensorSpec
from zoo_compress.data.features import FeatureExtractor
from zoo_compress.data.preprocessor_config import FILE_NAME
from zoo_compress.data.specs import describe_shape, element_type
from zoo_compress.data.synthetic import SAMPLE_RATE_NAMES
from zoo_compress.errors import InputError

WAVEFORM, FEATURES, MASK = "input_values", "input_features", "attention_mask"
WAVEFORM_NAMES = (WAVEFORM, "audio", "audio_signal", "speech", "wav", "waveform")

SILENCE = 1e-7
"""Added to the variance that a waveform is divided by, as Wav2Vec2's extractor does."""

Maker = Callable[[FloatArray], Feed]
"""Turns a waveform of shape (time,) into one sample."""


def takes_sound(specs: Sequence[TensorSpec]) -> bool:
    """Tell whether a model's inputs look like sound."""
    named = any(spec.name in (WAVEFORM, FEATURES) for spec in specs)
    return named or waveform_input(specs) is not None


def waveform_input(specs: Sequence[TensorSpec]) -> TensorSpec | None:
    """Return the input that takes a waveform, (batch, time) or (batch, 1, time), if there is one.

    It is named like one, or is the model's only input of floats and dynamic along its time.
    """
    floats = [s for s in specs if s.name != MASK and element_type(s).kind == "f" and _flat(s)]
    named = [spec for spec in floats if spec.name in WAVEFORM_NAMES]
    dynamic = [spec for spec in floats if not isinstance(spec.shape[-1], int)]
    return next(iter(named or (dynamic if len(floats) == 1 else [])), None)


def _flat(spec: TensorSpec) -> bool:
    return len(spec.shape) == 2 or (len(spec.shape) == 3 and spec.shape[1] == 1)


def fixed_time(spec: TensorSpec) -> int | None:
    """Return the number of samples in time that a waveform input is fixed at, or None."""
    length = spec.shape[-1]
    return length if isinstance(length, int) else None


def waveform_maker(
    spec: TensorSpec, specs: Sequence[TensorSpec], *, rate: int, normalised: bool
) -> Maker:
    """Return what makes samples of waveforms.

    Args:
        spec: The input that takes the waveform; a fixed length is filled with silence.
        specs: All inputs: the mask tells sound from filling, and the rate may be asked for.
        rate: Samples of a waveform in a second.
        normalised: Whether a waveform gets mean 0 and variance 1.
    """
    length = fixed_time(spec)
    rates = [each for each in specs if each.name in SAMPLE_RATE_NAMES]

    def make(values: FloatArray) -> Feed:
        values = values if length is None else values[:length]
        if normalised:
            values = (values - values.mean()) / np.sqrt(values.var() + SILENCE)
        silence = 0 if length is None else length - len(values)
        padded = np.pad(values, (0, silence)).reshape([1] * (len(spec.shape) - 1) + [-1])
        mask = np.pad(np.ones(len(values)), (0, silence))[None]
        return sound_feed(
            {
                spec.name: padded,
                MASK: mask,
                **{each.name: np.full([1] * len(each.shape), rate) for each in rates},
            },
            specs,
        )

    return make


def features_maker(config: Path | None, specs: Sequence[TensorSpec], *, rate: int) -> Maker:
    """Return what makes samples of waveforms with a repository's own feature extractor.

    Args:
        config: The `preprocessor_config.json` that names it, if there is one.
        specs: The model's inputs.
        rate: Samples of a waveform in a second.

    Raises:
        InputError: If the model takes no features of sound, or the extractor cannot be loaded.
    """
    if not takes_sound(specs):
        listed = ", ".join(f"{s.name} {s.dtype} {describe_shape(s.shape)}" for s in specs)
        raise InputError(
            f"recordings need a model with an input {WAVEFORM} or {FEATURES}; this one has "
            f"{listed}"
        )
    if config is None:
        raise InputError(f"spectra of recordings need a {FILE_NAME} beside the model")
    extractor = FeatureExtractor(config)
    return lambda values: sound_feed(extractor(values, rate=rate), specs)


def sound_feed(given: Mapping[str, AnyArray], specs: Sequence[TensorSpec]) -> Feed:
    """Return one sample of what was made of a recording, in the types of the inputs.

    Raises:
        InputError: If an input of the model is not among it.
    """
    for spec in specs:
        if spec.name not in given:
            raise InputError(
                f"a recording does not tell what to put into input '{spec.name}' {spec.dtype} "
                f"{describe_shape(spec.shape)}; give all inputs in a .npz file"
            )
    return {spec.name: given[spec.name].astype(element_type(spec)) for spec in specs}
