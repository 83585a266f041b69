"""Samples from recordings, as waveforms or as the spectra that a model takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo_compress.core import Artifact, Inputs, TensorSpec
from zoo_compress.data.companion_files import companion, read_object
from zoo_compress.data.draw import describe_draw, draw
from zoo_compress.data.listing import files_below
from zoo_compress.data.preprocessor_config import FILE_NAME
from zoo_compress.data.sound_feeds import (
    Maker,
    features_maker,
    fixed_time,
    waveform_input,
    waveform_maker,
)
from zoo_compress.data.synthetic import SAMPLE_RATE
from zoo_compress.data.waveforms import Recording, cut, waveform
from zoo_compress.errors import InputError

SUFFIXES = (".wav", ".flac", ".ogg")

SEGMENT_SECONDS = 10.0
"""What a model with a dynamic time axis gets at once: a few words, and little memory."""


def load_recordings(
    folder: Path, *, artifact: Artifact, specs: Sequence[TensorSpec], count: int, seed: int
) -> Inputs:
    """Load the recordings below a folder; see `recorded`.

    Raises:
        InputError: As `recorded` does.
    """
    found = [
        Recording(name=path.relative_to(folder).as_posix(), source=path)
        for path in files_below(folder, SUFFIXES)
    ]
    where = f"in folder {folder.resolve().name}"
    return recorded(found, artifact=artifact, specs=specs, count=count, seed=seed, where=where)


def recorded(
    recordings: Sequence[Recording],
    *,
    artifact: Artifact,
    specs: Sequence[TensorSpec],
    count: int,
    seed: int,
    where: str,
) -> Inputs:
    """Return recordings as samples of a model; long ones are cut, and a recording is a group.

    They are mixed down to one channel and resampled to the `sampling_rate` of the model's
    `preprocessor_config.json`, else to 16 kHz. A waveform gets mean 0 and variance 1 if
    `do_normalize` says so, and what is fixed in length is filled with silence behind the mask.
    Spectra are made by the extractor that the same file names.

    Args:
        recordings: What to load.
        artifact: The model.
        specs: Its inputs.
        count: Most segments to return, drawn with `seed` where there are more.
        seed: Seed of the draw.
        where: Where the recordings lie, for the description.

    Raises:
        InputError: If the model takes no sound, a recording does not decode, or a library that
            is needed is not installed.
    """
    path = companion(artifact, FILE_NAME)
    config = {} if path is None else read_object(path)
    rate = _rate(config)
    spec = waveform_input(specs)
    if spec is None:
        length = None
        make: Maker = features_maker(path, specs, rate=rate)
        seconds = _positive(config.get("chunk_length")) or SEGMENT_SECONDS
    else:
        length, normalised = fixed_time(spec), config.get("do_normalize") is True
        make = waveform_maker(spec, specs, rate=rate, normalised=normalised)
        seconds = SEGMENT_SECONDS if length is None else length / rate
    segments = cut(recordings, seconds=seconds, keep_rest=length is None)
    chosen = [segments[i] for i in draw(len(segments), count=count, seed=seed)]
    what = f"segments of at most {seconds:g} s of recordings {where}"
    return Inputs(
        feeds=[make(waveform(segment, rate=rate)) for segment in chosen],
        groups=[segment.recording.name for segment in chosen],
        names=[segment.name for segment in chosen],
        description=f"{describe_draw(len(chosen), len(segments), what=what, seed=seed)}, "
        f"at {rate} Hz",
    )


def _rate(config: Mapping[str, Any]) -> int:
    found = config.get("sampling_rate")
    if found is None:
        return SAMPLE_RATE
    rate = _positive(found)
    if rate is None:
        raise InputError(f"{FILE_NAME}: 'sampling_rate' is {found!r:.40}: give a number of Hz")
    return int(rate)


def _positive(value: object) -> float | None:
    numeric = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return float(value) if numeric else None  # type: ignore[arg-type]
