import errno
import json
import os

import pytest

from zoo_compress.data.samples.prepared import prepare, sample_artifact, write_json
from zoo_compress.errors import DiskFullError, SampleError


def build(folder):
    (folder / "model.onnx").write_bytes(b"model")
    write_json(folder / "config.json", {"a": 1})


def test_a_folder_is_built_once_and_then_reused(tmp_path):
    calls = []
    for _ in range(2):
        prepare(tmp_path / "cache" / "toy-1", lambda folder: (calls.append(1), build(folder)))
    assert len(calls) == 1
    assert os.listdir(tmp_path / "cache") == ["toy-1"]


def test_a_failed_build_leaves_nothing_behind(tmp_path):
    def fail(folder):
        build(folder)
        raise SampleError("the export differs")

    with pytest.raises(SampleError, match="the export differs"):
        prepare(tmp_path / "toy-1", fail)
    assert os.listdir(tmp_path) == []


def test_the_folder_of_a_faster_process_is_used(tmp_path):
    def race(folder):
        build(folder)
        (tmp_path / "toy-1").mkdir()
        (tmp_path / "toy-1" / "model.onnx").write_bytes(b"of the other process")

    folder = prepare(tmp_path / "toy-1", race)
    assert (folder / "model.onnx").read_bytes() == b"of the other process"
    assert os.listdir(tmp_path) == ["toy-1"]


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, DiskFullError), (errno.EACCES, SampleError)]
)
def test_what_the_disk_refuses_is_said_with_the_folder(tmp_path, code, kind):
    def refuse(folder):
        raise OSError(code, os.strerror(code))

    with pytest.raises(kind, match=f"toy-1' cannot be prepared: {os.strerror(code)}"):
        prepare(tmp_path / "toy-1", refuse)


def test_a_cache_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(SampleError, match="cannot be prepared"):
        prepare(tmp_path / "cache" / "toy-1", build)


def test_everything_beside_the_model_is_a_companion(tmp_path):
    folder = prepare(tmp_path / "toy-1", build)
    artifact = sample_artifact("toy", folder, revision="1", licence="MIT", task="other")
    assert artifact.source == "sample:toy"
    assert artifact.stored_bytes == 5
    assert [path.name for path in artifact.companions] == ["config.json"]
    assert json.loads(artifact.companions[0].read_text()) == {"a": 1}
