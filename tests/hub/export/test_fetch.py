"""Repositories of the Hub that hold safetensors and no ONNX."""

import json
from pathlib import Path

import pytest

from zoo_compress.errors import SourceError
from zoo_compress.hub.export import fetch
from zoo_compress.hub.export.fetch import fetch_to_export
from zoo_compress.hub.repository import open_repository
from zoo_compress.hub.resolve import resolve

UNRELATED = {"pytorch_model.bin": b"unrelated", "unet/model.safetensors": b"unrelated"}


@pytest.fixture
def files(resnet: Path) -> dict[str, bytes]:
    """The files of a small image classifier."""
    found = {path.name: path.read_bytes() for path in resnet.iterdir()}
    return found | {"README.md": b"---\nlicense: mit\n---\n"}


@pytest.fixture
def opened(hub, tmp_path):
    return lambda: open_repository("me/net", cache=tmp_path, api=hub.api())


def test_exactly_what_an_export_takes_is_fetched(hub, files, opened):
    hub.add("me/net", files | UNRELATED)
    root = fetch_to_export(opened())
    assert set(hub.fetched) == set(files)
    assert (root / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_of_a_model_that_cannot_be_exported_no_weight_is_fetched(hub, files, opened):
    config = json.loads(files["config.json"]) | {"auto_map": {"AutoModel": "mine.Model"}}
    hub.add("me/net", files | {"config.json": json.dumps(config).encode()})
    with pytest.raises(SourceError, match="code of its own"):
        fetch_to_export(opened())
    assert hub.fetched == ["config.json"]


def test_nothing_is_fetched_where_the_exporter_is_not_installed(hub, files, opened, monkeypatch):
    def refuse(source):
        raise SourceError(f"'{source}': not installed")

    hub.add("me/net", files)
    monkeypatch.setattr(fetch, "require_exporter", refuse)
    with pytest.raises(SourceError, match="'me/net': not installed"):
        fetch_to_export(opened())
    assert hub.fetched == []


def test_pickles_are_not_fetched(hub, opened):
    hub.add("me/net", {"config.json": b"{}", "pytorch_model.bin": b"pickle"})
    with pytest.raises(SourceError, match=r"'me/net' holds no \.onnx.*a pickle .* can run code"):
        fetch_to_export(opened())
    assert hub.fetched == []


def test_a_repository_is_exported_with_all_that_it_says(hub_in_use, files, tmp_path):
    sha = hub_in_use.add("me/net", files).sha
    artifact = resolve("me/net", cache=tmp_path)
    assert artifact.model_path.parent.parent == tmp_path / "exported"
    assert artifact.notes == (artifact.exported,)
    assert "exported from safetensors" in artifact.exported
    assert (artifact.repo_id, artifact.revision, artifact.file) == ("me/net", sha, None)
    assert (artifact.licence, artifact.task) == ("mit", "classification")
    assert [path.name for path in artifact.companions] == [
        "config.json",
        "preprocessor_config.json",
    ]
    hub_in_use.requests.clear()
    again = resolve("me/net", cache=tmp_path)
    assert again == artifact
    assert hub_in_use.fetched == []
