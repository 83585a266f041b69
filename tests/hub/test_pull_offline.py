"""What is in the cache is served where the Hub cannot be asked, and damage in it is noticed."""

import json
import os

import pytest
from huggingface_hub import HfApi, constants

from tests.hub_server import EXPIRED_TOKEN
from zoo_compress.errors import HubError
from zoo_compress.hub.pull import pull
from zoo_compress.hub.resolve import resolve

NOWHERE = HfApi(endpoint="http://127.0.0.1:9", token=False)


@pytest.fixture
def sha(hub, make_model, pulling) -> str:
    """The commit of a model that is in the cache."""
    files = {"model.onnx": make_model("w.bin"), "w.bin": bytes(48), "config.json": b"{}"}
    sha = hub.add("me/net", files).sha
    pulling()
    hub.requests.clear()
    return sha


@pytest.mark.parametrize("revision", [None, "main", "sha"])
def test_what_is_here_is_served_without_network(revision, sha, pulling):
    revision = sha if revision == "sha" else revision
    if revision == "main":
        pulling(revision="main")
    pulled = pulling(api=NOWHERE, revision=revision)
    assert (pulled.revision, pulled.fetched) == (sha, ())
    if revision == sha:
        assert pulled.notes == ()
    else:
        assert f"the commit {sha[:12]}" in pulled.notes[0]
        assert "may be old" in pulled.notes[0]


def test_offline_mode_asks_nobody_and_says_so(sha, hub, pulling, slept, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    pulled = pulling()
    assert (pulled.revision, len(pulled.notes)) == (sha, 1)
    assert (hub.requests, slept) == ([], [])


def test_offline_mode_cannot_bring_what_is_not_here(sha, pulling, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="'me/net': cannot be fetched: offline mode is on"):
        pulling(revision="v9")
    with pytest.raises(HubError, match="'me/other': cannot be fetched: offline mode is on"):
        pull("me/other", cache=pulling().root.parents[2])


@pytest.mark.parametrize("fault", ["trouble", "sign-in page"])
def test_a_hub_that_is_down_or_hidden_is_like_no_network(fault, sha, hub, pulling):
    if fault == "trouble":
        hub.faults.status(503, times=None)
    else:
        hub.faults.sign_in_page()
    assert "may be old" in pulling().notes[0]


def test_a_refusal_is_not_passed_by(sha, hub, pulling):
    with pytest.raises(HubError, match="valid token"):
        pulling(api=hub.api(EXPIRED_TOKEN))
    hub.faults.status(429, times=None)
    with pytest.raises(HubError, match="too many requests"):
        pulling()


def test_a_source_carries_the_note_to_the_command(sha, pulling, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    artifact = resolve("me/net", cache=tmp_path)
    assert artifact.file == "model.onnx"
    assert "may be old" in artifact.notes[0]


@pytest.mark.parametrize("name", ["model.onnx", "w.bin", "config.json"])
@pytest.mark.parametrize("damage", ["other bytes", "shorter", "gone"])
def test_a_file_that_was_damaged_is_fetched_again(name, damage, sha, hub, pulling):
    path = pulling().root / name
    right = path.read_bytes()
    match damage:
        case "other bytes":
            path.write_bytes(bytes(byte ^ 1 for byte in right))
        case "shorter":
            path.write_bytes(right[:-1])
        case "gone":
            path.unlink()
    pulled = pulling()
    assert pulled.fetched == (name,)
    assert path.read_bytes() == right


def test_a_file_that_was_only_touched_is_compared_and_kept(sha, hub, pulling):
    path = pulling().model_path
    os.utime(path, ns=(1, 1))
    assert pulling().fetched == ()
    assert hub.fetched == []


def test_a_damaged_file_cannot_be_mended_offline(sha, pulling, waits):
    path = pulling().model_path
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(HubError, match="'me/net': the Hub cannot be reached"):
        pulling(api=NOWHERE)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"files": {"a": {"b": 1}}}', '{"": 3}'])
def test_broken_notes_of_the_cache_are_as_good_as_none(text, sha, hub, pulling):
    folder = pulling().root.parent
    for path in folder.glob("*.json"):
        path.write_text(text)
    pulled = pulling()
    assert (pulled.revision, pulled.fetched) == (sha, ())


def test_a_listing_in_the_cache_tells_its_commit(sha, pulling):
    folder = pulling().root.parent
    listing = json.loads((folder / f"{sha}.json").read_text())
    assert (listing["sha"], set(listing["files"])) == (
        sha,
        {".gitattributes", "model.onnx", "w.bin", "config.json"},
    )


def test_a_cache_that_cannot_be_written_serves_what_is_in_it(sha, pulling, monkeypatch):
    from zoo_compress.errors import OutputError
    from zoo_compress.hub import snapshot

    def read_only(path, data):
        raise OutputError(f"{path}: cannot be written: Read-only file system")

    monkeypatch.setattr(snapshot, "atomic_write", read_only)
    os.utime(pulling().model_path, ns=(1, 1))
    assert pulling().fetched == ()
