import io

import numpy as np
import pytest

from zoo_compress.data.waveforms import Recording, cut, waveform
from zoo_compress.errors import InputError

soundfile = pytest.importorskip("soundfile")


def recording(path, seconds=2.5, *, rate=8000, channels=1, frequency=440.0):
    """Write a tone; its channels are equally loud, one after the other twice as loud."""
    tone = np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)
    loudness = 0.4 * np.arange(1, channels + 1) / channels
    soundfile.write(path, tone[:, None] * loudness, rate)
    return Recording(name=path.name, source=path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_every_format_is_read_with_its_samples(tmp_path, suffix):
    (segment,) = cut([recording(tmp_path / f"a.{suffix}")], seconds=10, keep_rest=True)
    values = waveform(segment, rate=8000)
    assert (values.shape, values.dtype) == ((20_000,), np.float32)
    assert np.abs(values).max() == pytest.approx(0.4, abs=0.05)


def test_bytes_are_read_like_files(tmp_path):
    found = recording(tmp_path / "a.flac")
    memory = Recording(name="a.flac", source=(tmp_path / "a.flac").read_bytes())
    one, other = (
        waveform(cut([r], seconds=9, keep_rest=True)[0], rate=8000) for r in (found, memory)
    )
    assert np.array_equal(one, other)


def test_channels_are_mixed_down(tmp_path):
    (segment,) = cut([recording(tmp_path / "a.wav", channels=2)], seconds=9, keep_rest=True)
    assert np.abs(waveform(segment, rate=8000)).max() == pytest.approx(0.3, abs=1e-3)


def test_another_rate_keeps_length_and_pitch(tmp_path):
    (segment,) = cut([recording(tmp_path / "a.wav")], seconds=9, keep_rest=True)
    values = waveform(segment, rate=16_000)
    assert values.shape == (40_000,)
    spectrum = np.abs(np.fft.rfft(values))
    assert np.argmax(spectrum) * 16_000 / len(values) == pytest.approx(440, abs=1)


@pytest.mark.parametrize(
    ("seconds", "step", "keep_rest", "bounds"),
    [
        (2.5, 1, True, [(0, 1), (1, 2)]),
        (2.5, 1, False, [(0, 1), (1, 2)]),
        (3.5, 2, True, [(0, 2), (2, 3.5)]),
        (3.5, 2, False, [(0, 2)]),
        (0.4, 2, False, [(0, 0.4)]),
        (2.0, 2, True, [(0, 2)]),
    ],
)
def test_long_recordings_are_cut_and_short_ones_kept(tmp_path, seconds, step, keep_rest, bounds):
    found = cut([recording(tmp_path / "a.wav", seconds)], seconds=step, keep_rest=keep_rest)
    assert [(s.start / s.rate, s.stop / s.rate) for s in found] == bounds
    assert found[-1].name == f"a.wav@{bounds[-1][0]:.1f}s"


def test_a_segment_holds_its_part_of_the_recording(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.linspace(0, 0.9, 4000), 1000, subtype="FLOAT")
    segments = cut([Recording(name="a", source=path)], seconds=1, keep_rest=True)
    parts = [waveform(segment, rate=1000) for segment in segments]
    assert np.concatenate(parts) == pytest.approx(np.linspace(0, 0.9, 4000), abs=1e-6)


def test_what_is_no_sound_is_named(tmp_path):
    empty = io.BytesIO()
    soundfile.write(empty, np.zeros(0), 8000, format="WAV")
    for content, message in (
        (b"no sound", r"'a\.wav' does not decode as a recording: Format not recognised"),
        (b"", r"'a\.wav' does not decode as a recording: "),
        (empty.getvalue(), r"'a\.wav' holds no sound: its length is 0"),
    ):
        (tmp_path / "a.wav").write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            cut([Recording(name="a.wav", source=tmp_path / "a.wav")], seconds=1, keep_rest=True)
        assert "\n" not in str(caught.value)


def test_missing_libraries_are_named_with_the_extra(tmp_path, monkeypatch):
    found = [recording(tmp_path / "a.wav")]
    (segment,) = cut(found, seconds=9, keep_rest=True)
    modules = __import__("sys").modules
    monkeypatch.setitem(modules, "soxr", None)
    with pytest.raises(InputError, match=r"8000 Hz for a model at 16000 Hz need soxr; .*\[audio"):
        waveform(segment, rate=16_000)
    monkeypatch.setitem(modules, "soundfile", None)
    with pytest.raises(InputError, match=r"recordings need soundfile .*zoo-compress\[audio\]'"):
        cut(found, seconds=1, keep_rest=True)
