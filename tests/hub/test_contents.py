import hashlib
import subprocess

import pytest

from zoo_compress.errors import OutputError
from zoo_compress.hub.contents import Content


def test_the_digests_are_those_of_sha256_and_of_git():
    content = Content.of("a/b.json", b"{}")
    assert content.size == 2
    assert content.sha256 == hashlib.sha256(b"{}").hexdigest()
    assert content.git_sha1 == "9e26dfeeb6e641a33dae4961196235bdb965b21b"


def test_git_itself_finds_the_same_digest(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(bytes(range(256)) * 9000)
    found = subprocess.run(["git", "hash-object", path], capture_output=True, check=True)
    assert Content.of("model.onnx", path).git_sha1 == found.stdout.decode().strip()


def test_a_file_has_the_digests_of_its_bytes(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"x" * 3_000_000)
    of_file, of_bytes = Content.of("m", path), Content.of("m", path.read_bytes())
    assert (of_file.size, of_file.sha256) == (of_bytes.size, of_bytes.sha256)
    assert of_file.git_sha1 == of_bytes.git_sha1


def test_a_link_is_no_content(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "config.json").symlink_to(tmp_path / "secret")
    with pytest.raises(OutputError, match=r"config\.json' is a link"):
        Content.of("config.json", tmp_path / "config.json")


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../a", "a/../../b", ".git/config", "a\\b"])
def test_paths_outside_of_the_repository_are_refused(path):
    with pytest.raises(ValueError, match="no path inside a repository"):
        Content.of(path, b"")
