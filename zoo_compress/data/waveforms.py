"""Recordings, cut into segments and read as waveforms of one channel at one rate."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo_compress.core import AnyArray, FloatArray
from zoo_compress.errors import InputError

INSTALL = "pip install 'zoo-compress[audio]'"
SHORTEST_SECONDS = 1.0
"""What a recording leaves over behind its last whole segment is dropped if it is shorter."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A sound file.

    Attributes:
        name: Its name, for records.
        source: Where it lies, or its bytes.
    """

    name: str
    source: Path | bytes


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A part of a recording, from one frame to another at the recording's own rate."""

    recording: Recording
    start: int
    stop: int
    rate: int

    @property
    def name(self) -> str:
        """Where it begins, for example `talk.flac@30.0s`."""
        return f"{self.recording.name}@{self.start / self.rate:.1f}s"


def cut(recordings: Sequence[Recording], *, seconds: float, keep_rest: bool) -> list[Segment]:
    """Return the segments of recordings, `seconds` long.

    A recording shorter than that is one segment. What is left over behind whole segments is
    another if `keep_rest` says so and it lasts `SHORTEST_SECONDS`.

    Raises:
        InputError: If a recording does not decode or is empty, or soundfile is not installed.
    """
    return [part for each in recordings for part in _parts(each, seconds, keep_rest)]


def _parts(recording: Recording, seconds: float, keep_rest: bool) -> list[Segment]:
    with _opened(recording) as file:
        frames, rate = int(file.frames), int(file.samplerate)
    if frames <= 0:
        raise InputError(f"'{recording.name}' holds no sound: its length is 0")
    step = max(round(seconds * rate), 1)
    bounds = [(start, start + step) for start in range(0, frames - step + 1, step)]
    end = bounds[-1][1] if bounds else 0
    if not bounds or (keep_rest and frames - end >= SHORTEST_SECONDS * rate):
        bounds.append((end, frames))
    return [Segment(recording=recording, start=a, stop=b, rate=rate) for a, b in bounds]


def waveform(segment: Segment, *, rate: int) -> FloatArray:
    """Return a segment as float32, shape (time,), from -1 to 1: the mean of its channels.

    Raises:
        InputError: If it does not decode, or soundfile or soxr is not installed.
    """
    with _opened(segment.recording) as file:
        try:
            file.seek(segment.start)
            frames = file.read(segment.stop - segment.start, dtype="float32", always_2d=True)
        except RuntimeError as error:
            raise _undecodable(segment.recording, error) from error
    mono: FloatArray = frames.mean(axis=1, dtype=np.float32)
    return mono if segment.rate == rate else _resampled(mono, segment.rate, rate)


def _resampled(values: AnyArray, found: int, wanted: int) -> FloatArray:
    try:
        import soxr
    except ImportError as error:
        raise InputError(
            f"recordings at {found} Hz for a model at {wanted} Hz need soxr; run: {INSTALL}"
        ) from error
    resampled: FloatArray = soxr.resample(values, found, wanted).astype(np.float32)
    return resampled


def _opened(recording: Recording) -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise InputError(f"recordings need soundfile ({error}); run: {INSTALL}") from error
    source = recording.source
    try:
        return soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source)
    except (RuntimeError, OSError, TypeError) as error:
        raise _undecodable(recording, error) from error


def _undecodable(recording: Recording, error: Exception) -> InputError:
    reason = " ".join(str(getattr(error, "error_string", error)).split())
    return InputError(f"'{recording.name}' does not decode as a recording: {reason}")
