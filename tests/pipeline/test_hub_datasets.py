"""Datasets of a Hub on loopback, read by the real library in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.data.dataset_hub import SHA, DatasetHub, serving
from tests.data.tables import parquet, picture
from tests.token_models import write_tokenizer

pytest.importorskip("datasets")

CARD = b"""---
license: mit
configs:
- config_name: en
  default: true
  data_files:
  - {split: train, path: en/train.parquet}
  - {split: validation, path: en/validation.parquet}
- config_name: de
  data_files:
  - {split: train, path: de/*.parquet}
---
"""

LOADER = """
import json, sys
from pathlib import Path

import datasets

# What the library waits for its threads after each stream.
datasets.config.SLEEP_TIME_ON_THREADS_SHUTDOWN = 0

from zoo_compress.core import Artifact, TensorSpec
from zoo_compress.errors import ZooCompressError
from zoo_compress.pipeline.inputs import gather_inputs

folder = Path(sys.argv[1])
artifact = Artifact(
    source="a/b", model_path=folder / "m.onnx", companions=tuple(sorted(folder.glob("*.json")))
)
kinds = {
    "text": TensorSpec(name="input_ids", shape=("batch", "sequence"), dtype="int64"),
    "image": TensorSpec(name="pixels", shape=("batch", 3, 8, 8), dtype="float32"),
}
found = []
for kind, data in json.load(sys.stdin):
    try:
        inputs, _ = gather_inputs(artifact, [kinds[kind]], data=data, search=-990, seed=0)
        found.append({"names": inputs.names, "description": inputs.description})
    except ZooCompressError as error:
        found.append({"error": str(error), "code": error.exit_code})
json.dump(found, sys.stdout)
"""

ROOT = "hf://datasets/me/rows"
ASKED = {
    "default": ("text", ROOT),
    "split": ("text", f"{ROOT}:train"),
    "pinned": ("text", f"{ROOT}@{SHA}:train"),
    "config": ("text", f"{ROOT}/de:train:wort"),
    "files": ("image", "hf://datasets/me/pictures"),
    "no repository": ("text", "hf://datasets/me/nothing"),
    "no revision": ("text", f"{ROOT}@v9"),
    "no split": ("text", f"{ROOT}:test"),
    "no config": ("text", f"{ROOT}/fr"),
    "no column": ("image", ROOT),
    "a script": ("text", "hf://datasets/me/script"),
    "no form": ("text", "hf://datasets/rows"),
}


def numbered(word: str, count: int, *, column: str = "text") -> bytes:
    return parquet({column: [f"{word} {n}" for n in range(count)]})


@pytest.fixture(scope="module")
def hub() -> Iterator[DatasetHub]:
    files = {
        "README.md": CARD,
        "en/train.parquet": numbered("train", 3000),
        "en/validation.parquet": numbered("validation", 30),
        "de/a.parquet": numbered("wort", 20, column="wort"),
    }
    pictures = {f"{n}.png": picture(n) for n in range(5)}
    script = {"script.py": b"raise SystemExit(99)", "train.parquet": numbered("train", 9)}
    with serving(DatasetHub(rows=files, pictures=pictures, script=script)) as hub:
        yield hub


@pytest.fixture(scope="module")
def found(hub: DatasetHub, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what each of `ASKED` was answered with."""
    folder = tmp_path_factory.mktemp("model")
    write_tokenizer(folder, "train", "validation", "wort")
    config = '{"size": 8, "image_mean": 0, "image_std": 1}'
    (folder / "preprocessor_config.json").write_text(config, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADER, str(folder)],
        input=json.dumps(list(ASKED.values())),
        env={**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(folder / "hf")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(ASKED, json.loads(done.stdout), strict=True))


def test_the_rows_that_a_model_was_not_trained_on_go_first(found: dict[str, Any]) -> None:
    said = found["default"]["description"]
    assert said.startswith(f"10 texts of dataset {ROOT}@{SHA}, split validation, streamed in")


def test_a_split_and_a_configuration_can_be_named(found: dict[str, Any]) -> None:
    assert "split train" in found["split"]["description"]
    assert f"{ROOT}@{SHA}/de, split train" in found["config"]["description"]
    assert len(found["config"]["names"]) == 10


def test_a_commit_gives_what_the_branch_gave_that_it_was(found: dict[str, Any]) -> None:
    assert found["pinned"] == found["split"]


def test_a_dataset_of_image_files_is_read(found: dict[str, Any]) -> None:
    assert len(found["files"]["names"]) == 5
    assert found["files"]["description"].startswith("5 images of dataset")


@pytest.mark.parametrize(
    ("asked", "code", "reason"),
    [
        ("no repository", 16, "'me/nothing': there is no such repository on the Hub"),
        ("no revision", 16, "'me/rows': has no revision 'v9'"),
        ("no split", 6, "has no split 'test'; its splits are train, validation"),
        ("no config", 6, "cannot be read: BuilderConfig 'fr' not found. Available: ['en', 'de'"),
        ("no column", 6, "has no column of images, which the model takes; its columns are text"),
        ("a script", 6, "cannot be read: Dataset scripts are no longer supported"),
        ("no form", 6, "names no dataset; the form is hf://datasets/OWNER/NAME"),
    ],
)
def test_what_is_not_there_is_one_line(
    found: dict[str, Any], asked: str, code: int, reason: str
) -> None:
    assert reason in found[asked]["error"]
    assert "\n" not in found[asked]["error"]
    assert found[asked]["code"] == code
