import json

import numpy as np
import pytest

from zoo_compress.core import Artifact, TensorSpec
from zoo_compress.data.load import load_inputs
from zoo_compress.errors import InputError

soundfile = pytest.importorskip("soundfile")

WAVE = TensorSpec(name="input_values", shape=("batch", "time"), dtype="float32")
MASK = TensorSpec(name="attention_mask", shape=("batch", "time"), dtype="int64")
WAV2VEC2 = {
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "sampling_rate": 16000,
    "do_normalize": True,
    "feature_size": 1,
    "padding_value": 0.0,
}
WHISPER = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "feature_size": 20,
    "sampling_rate": 8000,
    "chunk_length": 2,
    "hop_length": 80,
    "n_fft": 200,
}


@pytest.fixture
def folder(tmp_path):
    """Two recordings of noise, 12.5 and 0.5 seconds, at 8 kHz."""
    folder = tmp_path / "speech"
    (folder / "deep").mkdir(parents=True)
    noise = np.random.default_rng(0).normal(0.2, 0.1, 100_000)
    soundfile.write(folder / "a.flac", noise, 8000)
    soundfile.write(folder / "deep" / "b.WAV", noise[:4000], 8000, format="WAV")
    return folder


def load(folder, *specs, config=None, count=100, seed=0):
    companions = ()
    if config is not None:
        path = folder.parent / "preprocessor_config.json"
        path.write_text(json.dumps(config))
        companions = (path,)
    artifact = Artifact(source="a/b", model_path=folder / "m.onnx", companions=companions)
    return load_inputs(
        str(folder), artifact=artifact, specs=specs or (WAVE,), count=count, seed=seed
    )


def test_segments_of_a_recording_share_a_group(folder):
    inputs = load(folder)
    assert inputs.names == ["a.flac@0.0s", "a.flac@10.0s", "deep/b.WAV@0.0s"]
    assert inputs.groups == ["a.flac", "a.flac", "deep/b.WAV"]
    shapes = [feed["input_values"].shape for feed in inputs.feeds]
    assert shapes == [(1, 160_000), (1, 40_000), (1, 8000)]
    assert inputs.description == (
        "3 segments of at most 10 s of recordings in folder speech, at 16000 Hz"
    )


def test_the_rate_is_that_of_the_configuration(folder):
    inputs = load(folder, config={"sampling_rate": 8000})
    assert inputs.feeds[2]["input_values"].shape == (1, 4000)
    assert inputs.feeds[2]["input_values"].mean() == pytest.approx(0.2, abs=0.01)
    with pytest.raises(InputError, match=r"^preprocessor_config\.json: 'sampling_rate' is 'fast'"):
        load(folder, config={"sampling_rate": "fast"})


def test_a_waveform_is_normalised_as_by_the_extractor_of_transformers(folder):
    transformers = pytest.importorskip("transformers")
    extractor = transformers.Wav2Vec2FeatureExtractor(**WAV2VEC2)
    plain = load(folder, config=WAV2VEC2 | {"do_normalize": False}).feeds[2]["input_values"]
    normal = load(folder, config=WAV2VEC2).feeds[2]["input_values"]
    expected = extractor(plain[0], sampling_rate=16_000, return_tensors="np")["input_values"]
    np.testing.assert_allclose(normal, expected, atol=1e-5)
    assert not np.allclose(plain, expected, atol=0.1)


def test_a_fixed_length_is_filled_with_silence_behind_the_mask(folder):
    specs = [
        TensorSpec(name="input_values", shape=(1, 32_000), dtype="float32"),
        TensorSpec(name="attention_mask", shape=(1, 32_000), dtype="int64"),
    ]
    inputs = load(folder, *specs, config=WAV2VEC2)
    assert len(inputs) == 6 + 1
    short = inputs.feeds[-1]
    assert short["attention_mask"].sum() == 8000
    assert not short["input_values"][:, 8000:].any()
    assert short["input_values"][:, :8000].std() == pytest.approx(1, abs=1e-3)
    assert all(feed["attention_mask"].all() for feed in inputs.feeds[:-1])


def test_other_names_and_the_rate_as_an_input_are_understood(folder):
    specs = [
        TensorSpec(name="audio", shape=("batch", 1, "time"), dtype="float16"),
        TensorSpec(name="sr", shape=(), dtype="int64"),
    ]
    feed = load(folder, *specs).feeds[0]
    assert feed["audio"].shape == (1, 1, 160_000)
    assert feed["audio"].dtype == np.float16
    assert feed["sr"].shape == ()
    assert int(feed["sr"]) == 16_000


def test_too_many_segments_are_drawn_with_the_seed(folder):
    fixed = TensorSpec(name="input_values", shape=(1, 1600), dtype="float32")
    inputs = load(folder, fixed, count=20, seed=1)
    assert len(set(inputs.names)) == 20
    assert inputs.description.startswith("20 of 130 segments of at most 0.1 s")
    assert load(folder, fixed, count=20, seed=1).names == inputs.names


@pytest.mark.filterwarnings("ignore")
def test_spectra_are_those_of_the_repositorys_extractor(folder):
    transformers = pytest.importorskip("transformers")
    spec = TensorSpec(name="input_features", shape=("batch", 20, "frames"), dtype="float32")
    inputs = load(folder, spec, config=WHISPER)
    assert [feed["input_features"].shape for feed in inputs.feeds] == [(1, 20, 200)] * 7
    assert inputs.groups == ["a.flac"] * 6 + ["deep/b.WAV"]
    wave, _ = soundfile.read(folder / "a.flac", stop=16_000, dtype="float32")
    extractor = transformers.WhisperFeatureExtractor(**WHISPER)
    expected = extractor(wave, sampling_rate=8000, return_tensors="np")["input_features"]
    np.testing.assert_allclose(inputs.feeds[0]["input_features"], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("specs", "config", "message"),
    [
        (
            [TensorSpec(name="input_features", shape=(1, 80, 3000), dtype="float32")],
            None,
            r"spectra of recordings need a preprocessor_config\.json",
        ),
        (
            [TensorSpec(name="input_features", shape=(1, 80, 3000), dtype="float32")],
            {"size": 224},
            r"^preprocessor_config\.json describes no feature extractor: ",
        ),
        (
            [WAVE, TensorSpec(name="lengths", shape=(1,), dtype="int64")],
            None,
            r"does not tell what to put into input 'lengths' int64 \(1\); give all .*npz",
        ),
        (
            [WAVE, TensorSpec(name="state", shape=(1, 1, 128), dtype="float32")],
            None,
            r"does not tell what to put into input 'state' float32 \(1, 1, 128\)",
        ),
        (
            [TensorSpec(name="pixels", shape=("batch", 3, 8, 8), dtype="float32")],
            None,
            r"recordings need a model with an input input_values or input_features; .* pixels",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_recordings_cannot_fill_is_one_line(folder, specs, config, message):
    with pytest.raises(InputError, match=message) as caught:
        load(folder, *specs, config=config)
    assert "\n" not in str(caught.value)


def test_a_missing_transformers_is_named_with_the_extra(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    spec = TensorSpec(name="input_features", shape=("batch", 20, "frames"), dtype="float32")
    with pytest.raises(InputError, match=r"need transformers .*zoo-compress\[audio\]'"):
        load(folder, spec, config=WHISPER)
