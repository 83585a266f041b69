import json
from pathlib import Path

import pytest

from zoo_compress.errors import SourceError
from zoo_compress.files import file_digest
from zoo_compress.manifest import Manifest, read_manifest, require_unchanged

FIELDS = {
    "zoo_compress": "1",
    "target": "triton",
    "name": "net",
    "home": "net",
    "model": "net/1/model.onnx",
    "source": "net.onnx",
}
FILES = ("net/1/model.onnx", "net/config.pbtxt", "net/README.md", "net/vocab.txt", "README.md")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    records = {
        name: {"bytes": len(name), "sha256": file_digest(tmp_path / name)} for name in FILES
    }
    write(tmp_path, files=records)
    return tmp_path


def write(folder: Path, **changes: object) -> None:
    (folder / "zoo-compress.json").write_text(json.dumps(FIELDS | changes))


def read_and_check(folder: Path) -> None:
    manifest = read_manifest(folder)
    require_unchanged(folder, manifest, manifest.within(manifest.home))


def refusal(folder: Path) -> str:
    with pytest.raises(SourceError) as raised:
        read_and_check(folder)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_manifest_is_read_as_it_was_written(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    assert Manifest.model_validate_json(manifest.to_json()) == manifest


def test_what_users_change_is_not_held_against_the_manifest(bundle: Path) -> None:
    assert set(read_manifest(bundle).within("net")) == {"net/1/model.onnx", "net/vocab.txt"}
    (bundle / "net" / "config.pbtxt").write_text("instance_group [ { count: 4 } ]")
    manifest = read_manifest(bundle)
    require_unchanged(bundle, manifest, manifest.within("net"))


def test_a_changed_file_is_named_with_what_was_found(bundle: Path) -> None:
    (bundle / "net/1/model.onnx").write_text("x" * len("net/1/model.onnx"))
    assert "model.onnx' was changed since it was packaged: it has sha256" in refusal(bundle)
    (bundle / "net/1/model.onnx").write_text("longer than it was before")
    assert "it has 25 bytes, zoo-compress.json says 16" in refusal(bundle)


def test_a_file_that_is_gone_is_named(bundle: Path) -> None:
    (bundle / "net/vocab.txt").unlink()
    assert "vocab.txt' is missing" in refusal(bundle)


def test_a_link_is_refused_even_to_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    (bundle / "net/1").rename(tmp_path / "elsewhere")
    (bundle / "net/1").symlink_to(tmp_path / "elsewhere")
    assert "1' is a link" in refusal(bundle)


@pytest.mark.parametrize("name", ["/etc/passwd", "../model.onnx", "a/../../b", "", "a\\b"])
def test_a_manifest_that_names_files_outside_is_refused(bundle: Path, name: str) -> None:
    record = {"bytes": 0, "sha256": "0" * 64}
    write(bundle, model="m.onnx", files={name: record, "m.onnx": record})
    assert "does not lie in the bundle" in refusal(bundle)


def test_a_model_that_is_not_listed_is_refused(bundle: Path) -> None:
    write(bundle, files={})
    assert "does not list its model" in refusal(bundle)


@pytest.mark.parametrize("content", ["", "[]", "{", "{}", '{"format": 2}', "\xff"])
def test_a_damaged_manifest_is_refused(bundle: Path, content: str) -> None:
    (bundle / "zoo-compress.json").write_bytes(content.encode("latin-1"))
    assert "zoo-compress.json'" in refusal(bundle)
