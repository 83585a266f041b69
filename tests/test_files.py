import os
from pathlib import Path

import pytest

from zoo_compress.errors import DiskFullError, OutputError
from zoo_compress.files import atomic_write, replacing

FULL_DISK = Path("/dev/full")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_is_written_as_utf8_and_nothing_else_is_left(tmp_path):
    atomic_write(tmp_path / "run.json", "größe")
    assert (tmp_path / "run.json").read_bytes() == "größe".encode()
    assert names(tmp_path) == ["run.json"]


def test_an_existing_file_is_replaced(tmp_path):
    (tmp_path / "a").write_bytes(b"a longer old content")
    atomic_write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_written_file_is_as_readable_as_any_other(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    atomic_write(tmp_path / "a", b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_failure_within_the_block_keeps_the_old_file_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(TypeError), replacing(tmp_path / "a", needed=3) as file:
        file.writelines([b"new", None])
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(not FULL_DISK.exists(), reason="needs a device that is always full")
def test_a_full_disk_is_reported_with_the_path_and_the_bytes_needed(tmp_path):
    with (
        pytest.raises(DiskFullError, match=r"model\.onnx.*full.*12345 bytes"),
        replacing(tmp_path / "model.onnx", needed=12345),
        FULL_DISK.open("wb", buffering=0) as full,
    ):
        full.write(b"x")
    assert names(tmp_path) == []


def test_a_missing_folder_is_an_output_error_that_names_the_file(tmp_path):
    with pytest.raises(OutputError, match=r"absent.*run\.json.*No such file"):
        atomic_write(tmp_path / "absent" / "run.json", "{}")


def test_a_folder_in_the_place_of_the_file_is_an_output_error(tmp_path):
    (tmp_path / "run.json").mkdir()
    with pytest.raises(OutputError, match=r"run\.json"):
        atomic_write(tmp_path / "run.json", "{}")
    assert names(tmp_path) == ["run.json"]
