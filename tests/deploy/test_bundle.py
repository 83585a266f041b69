import errno
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from zoo_compress.deploy.bundle import check_destination, write_bundle
from zoo_compress.errors import DiskFullError, OutputError
from zoo_compress.files import file_digest
from zoo_compress.manifest import FileRecord, Manifest, read_manifest, require_unchanged

FILES = {"model.onnx": b"model", "deep/below/notes.txt": b"notes"}


def described(files: Mapping[str, FileRecord]) -> Manifest:
    return Manifest(
        zoo_compress="1",
        target="plain",
        name="net",
        home=".",
        model="model.onnx",
        source="net",
        files=dict(files),
    )


def refusal(out: Path, *, overwrite: bool = False) -> str:
    with pytest.raises(OutputError) as raised:
        check_destination(out, overwrite=overwrite)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle", FILES, described)
    return tmp_path / "bundle"


def test_a_bundle_lists_size_and_digest_of_each_file_in_it(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    assert set(manifest.files) == set(FILES)
    for name, record in manifest.files.items():
        assert record.bytes == len(FILES[name])
        assert record.sha256 == file_digest(bundle / name)
    require_unchanged(bundle, manifest, manifest.files)


def test_a_file_is_copied_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"model")
    write_bundle(tmp_path / "made", {"model.onnx": tmp_path / "weights"}, described)
    assert (tmp_path / "made" / "model.onnx").read_bytes() == b"model"
    assert not (tmp_path / "made" / "model.onnx").is_symlink()


def test_the_folders_above_are_made(tmp_path: Path) -> None:
    write_bundle(tmp_path / "a" / "b" / "bundle", FILES, described)
    assert (tmp_path / "a" / "b" / "bundle" / "model.onnx").is_file()


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    check_destination(tmp_path / "bundle", overwrite=False)
    write_bundle(tmp_path / "bundle", FILES, described)
    assert read_manifest(tmp_path / "bundle").model == "model.onnx"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_what_was_there_stays_when_writing_fails(
    bundle: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    before = (bundle / "zoo-compress.json").read_bytes()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DiskFullError if code == errno.ENOSPC else OutputError):
        write_bundle(bundle, FILES | {"model.onnx": b"another"}, described)
    assert (bundle / "zoo-compress.json").read_bytes() == before
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_a_bundle_is_replaced_whole(bundle: Path) -> None:
    check_destination(bundle, overwrite=True)
    write_bundle(bundle, {"model.onnx": b"another"}, described)
    names = {path.name for path in bundle.iterdir()}
    assert names == {"model.onnx", "zoo-compress.json"}
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_a_bundle_is_not_replaced_unasked(bundle: Path) -> None:
    assert "use --overwrite" in refusal(bundle)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_is_no_bundle_is_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "kept").touch()
    assert "holds files but no bundle" in refusal(tmp_path, overwrite=overwrite)


def test_a_bundle_with_files_of_its_user_is_not_replaced(bundle: Path) -> None:
    (bundle / "deep" / "mine.txt").touch()
    assert "mine.txt' is no part of the bundle" in refusal(bundle, overwrite=True)


def test_byte_code_of_a_server_that_ran_there_does_not_count(bundle: Path) -> None:
    (bundle / "deep" / "__pycache__").mkdir()
    (bundle / "deep" / "__pycache__" / "app.pyc").touch()
    check_destination(bundle, overwrite=True)


def test_a_damaged_manifest_does_not_make_a_folder_a_bundle(bundle: Path) -> None:
    (bundle / "zoo-compress.json").write_text("{}")
    assert "is damaged" in refusal(bundle, overwrite=True)


def test_a_file_or_a_link_is_refused(bundle: Path) -> None:
    (bundle.parent / "link").symlink_to(bundle)
    assert "is a link" in refusal(bundle.parent / "link", overwrite=True)
    assert "is a file" in refusal(bundle / "model.onnx", overwrite=True)
