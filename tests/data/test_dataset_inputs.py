import pytest

from tests.data.tables import parquet, picture, sound, stored
from tests.token_models import write_tokenizer
from zoo_compress.core import Artifact, TensorSpec
from zoo_compress.data.load import load_inputs
from zoo_compress.errors import InputError

pytest.importorskip("datasets")
pytestmark = pytest.mark.filterwarnings("ignore")

IDS = [TensorSpec(name="input_ids", shape=("batch", "sequence"), dtype="int64")]
PIXELS = [TensorSpec(name="pixels", shape=("batch", 3, 8, 8), dtype="float32")]
WAVE = [TensorSpec(name="input_values", shape=("batch", "time"), dtype="float32")]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    """The library waits for its threads after each stream, to let a process end in peace."""
    monkeypatch.setattr("datasets.config.SLEEP_TIME_ON_THREADS_SHUTDOWN", 0)


@pytest.fixture
def artifact(tmp_path):
    config = tmp_path / "preprocessor_config.json"
    config.write_text('{"size": 8, "image_mean": 0, "image_std": 1, "sampling_rate": 8000}')
    companions = (*write_tokenizer(tmp_path / "model", "it", "rains", "snows"), config)
    return Artifact(source="a/b", model_path=tmp_path / "model.onnx", companions=companions)


@pytest.fixture
def load(artifact, tmp_path):
    def loaded(specs, columns, *, suffix="", count=100, seed=0, **features):
        path = tmp_path / "rows.parquet"
        path.write_bytes(columns if isinstance(columns, bytes) else parquet(columns, **features))
        return load_inputs(
            f"{path}{suffix}", artifact=artifact, specs=specs, count=count, seed=seed
        )

    return loaded


def test_texts_of_a_column_known_by_its_name_become_samples(load):
    rows = {"id": ["a", "b", "c", "d"], "text": ["it rains", "it snows", None, " it  rains"]}
    inputs = load(IDS, rows)
    assert sorted(feed["input_ids"].shape[1] for feed in inputs.feeds) == [4, 4, 4]
    assert len(set(inputs.names)) == 3
    assert len(set(inputs.groups)) == 2
    assert inputs.description == (
        "3 texts of dataset rows.parquet, split rows, streamed in the order of seed 0, at most "
        "512 tokens each"
    )


def test_a_lone_column_of_strings_needs_no_known_name_and_others_can_be_named(load):
    assert len(load(IDS, {"review": ["it rains", "it snows"], "stars": [1, 5]})) == 2
    rows = {"review": ["it rains"], "title": ["it"]}
    assert load(IDS, rows, suffix=":title").feeds[0]["input_ids"].shape == (1, 3)
    assert load(IDS, rows, suffix=":title,review").feeds[0]["input_ids"].shape == (1, 6)


def test_names_are_digests_so_that_a_sample_is_known_again_in_another_draw(load):
    # More parts than are read at a time.
    rows = {"text": [f"it rains {n}" for n in range(1500)]}
    every = load(IDS, rows, seed=0, count=1500)
    some = load(IDS, rows, seed=5, count=10)
    assert len(some) == 10
    assert set(some.names) < set(every.names)
    assert load(IDS, rows, seed=5, count=10).names == some.names
    assert load(IDS, rows, seed=6, count=10).names != some.names


def test_images_are_found_by_their_type(load):
    rows = {"label": [0, 1, 2], "img": stored(picture(10), picture(250), picture(10))}
    inputs = load(PIXELS, rows, img="Image")
    shades = sorted(round(float(feed["pixels"].mean()) * 255) for feed in inputs.feeds)
    assert shades == [10, 10, 250]
    assert len(set(inputs.names)) == 3
    assert len(set(inputs.groups)) == 2
    assert inputs.description.startswith("3 images of dataset rows.parquet, split rows")


def test_recordings_are_found_by_their_type_and_cut(load):
    pytest.importorskip("soundfile")
    rows = {"speech": stored(sound(12, 0), sound(2, 1)), "text": ["a", "b"]}
    inputs = load(WAVE, rows, speech="Audio")
    assert sorted(feed["input_values"].shape[1] for feed in inputs.feeds) == [
        16_000,
        16_000,
        80_000,
    ]
    assert len(set(inputs.groups)) == 2


@pytest.mark.parametrize(
    ("specs", "columns", "suffix", "message"),
    [
        (PIXELS, {"text": ["a"]}, "", r"no column of images, .* its columns are text \(string\)$"),
        (WAVE, {"text": ["a"]}, "", r"has no column of recordings, which the model takes"),
        (IDS, {"n": [1]}, "", r"has no column of texts, .* its columns are n \(int64\)$"),
        (IDS, {"a": ["x"], "b": ["y"]}, "", r"no column text, .* columns are a, b: name one"),
        (IDS, {"text": ["x"]}, ":body", r"has no column 'body'; its columns are text"),
        (IDS, {"text": [None, " "]}, "", r"split rows: there are no texts in its rows"),
        (IDS, b"PAR1 but no parquet PAR1", "", r"rows\.parquet' cannot be read: "),
        (IDS, b"", "", r"rows\.parquet' cannot be read: "),
    ],
)
def test_what_does_not_fit_is_one_line(load, specs, columns, suffix, message):
    with pytest.raises(InputError, match=message) as caught:
        load(specs, columns, suffix=suffix)
    assert "\n" not in str(caught.value)


def test_a_damaged_image_is_named(load):
    rows = {"img": stored(picture(10), b"no image")}
    with pytest.raises(InputError, match=r"'[0-9a-f]{16}' does not decode .*\(1 of 2 images"):
        load(PIXELS, rows, img="Image")


def test_the_model_is_checked_before_anything_is_read(load, artifact):
    mixed = [*IDS, TensorSpec(name="boxes", shape=(1, 4), dtype="float32")]
    with pytest.raises(InputError, match=r"does not tell what to put into input 'boxes'"):
        load(mixed, b"nothing that could be read")


def test_a_missing_library_is_named_with_the_extra(load, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(InputError, match=r"needs the datasets library; run: pip .*\[datasets\]'"):
        load(IDS, {"text": ["a"]})


def test_a_draw_of_sorted_rows_comes_from_several_parts_of_the_file(load):
    rows = {"text": [f"it {'rains' if n < 1000 else 'snows'} {n}" for n in range(2000)]}
    inputs = load(IDS, rows, count=100)
    rains = sum(int(feed["input_ids"][0, 2] == 5) for feed in inputs.feeds)
    assert 10 < rains < 90
