"""A repository that nobody vouches for."""

from dataclasses import replace

import pytest

from tests.hub_server import File
from zoo_compress.errors import DiskFullError, ExternalDataError, HubError, SourceError
from zoo_compress.hub.listing import stays_inside
from zoo_compress.hub.resolve import resolve

OUTSIDE = [
    "../evil.onnx",
    "a/../../evil.onnx",
    "/evil.onnx",
    "..",
    "..\\evil.onnx",
    "a\\b.onnx",
    "C:evil.onnx",
    "C:/evil.onnx",
    "//host/share/evil.onnx",
    "a\0.onnx",
    "",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_out_of_the_folder_is_told(name):
    assert not stays_inside(name)


@pytest.mark.parametrize("name", ["model.onnx", "onnx/model.onnx", "..a/b..", "ä ö.onnx"])
def test_an_honest_name_stays_inside(name):
    assert stays_inside(name)


def test_names_that_lead_out_of_the_cache_are_ignored(hub, pulling, tmp_path):
    hub.add("me/net", dict.fromkeys(OUTSIDE, b"x"))
    with pytest.raises(SourceError, match=r"holds no \.onnx file"):
        pulling()
    assert hub.fetched == []


@pytest.mark.parametrize("name", ["../config.json", "/config.json"])
def test_companions_outside_the_cache_are_never_written(name, hub, pulling, make_model, tmp_path):
    hub.add("me/net", {"model.onnx": make_model(), name: b"evil"})
    pulled = pulling()
    assert pulled.files == ("model.onnx",)
    assert not list(tmp_path.rglob("config.json"))


@pytest.mark.parametrize("location", ["../../secret", "/etc/passwd", "..\\secret", "C:\\secret"])
def test_external_data_outside_the_folder_is_never_fetched(location, hub, pulling, make_model):
    hub.add("me/net", {"onnx/model.onnx": make_model(location), "secret": bytes(48)})
    with pytest.raises(ExternalDataError, match=r"'me/net'.*'onnx/model\.onnx'.*'W'"):
        pulling()
    assert set(hub.fetched) == {"onnx/model.onnx"}


def test_external_data_behind_a_link_in_the_cache_is_refused(hub, pulling, make_model, tmp_path):
    """The Hub hands out a link as a file that holds its target, so a link can only be local."""
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(48))
    hub.add("me/net", {"model.onnx": make_model("w.bin"), "w.bin": bytes(48)})
    path = pulling().root / "w.bin"
    path.unlink()
    path.symlink_to(secret)
    assert pulling().fetched == ("w.bin",)
    assert not path.is_symlink()


def test_a_commit_that_is_no_sha_is_refused(hub, pulling):
    commit = hub.add("me/net")
    evil = replace(commit, sha="../../evil")
    hub.repositories["me/net"].commits[commit.sha] = evil
    with pytest.raises(HubError, match=r"'me/net'.*no commit.*evil"):
        pulling()


@pytest.mark.parametrize("size", [10**15, 10**30])
def test_a_size_that_no_disk_holds_is_refused_before_anything_is_fetched(
    size, hub, pulling, make_model
):
    hub.add("me/net", {"model.onnx": File(make_model(), lfs=True, claimed_size=size)})
    with pytest.raises(DiskFullError, match=r"'me/net': the files take 1e.* GB .*ZOO_COMPRESS"):
        pulling()
    assert hub.fetched == []


def test_a_size_that_is_not_the_files_is_noticed(hub, pulling, make_model, waits):
    hub.add("me/net", {"config.json": File(b"{}", claimed_size=7), "model.onnx": make_model()})
    with pytest.raises(HubError, match=r"'me/net': 'config\.json' came with other bytes"):
        pulling()


@pytest.mark.parametrize("size", [-1, "many", None])
def test_a_size_that_means_nothing_counts_as_unknown(size, hub, pulling, make_model):
    file = File(make_model(), claimed_size=size)
    if size is None:
        file = File(make_model())
    hub.add("me/net", {"model.onnx": file})
    assert pulling().model_path.read_bytes() == make_model()


POISONED = {
    "a bomb": "a: &a [x, x]\n" + "".join(f"k{n}: &k{n} [*a, *a]\n" for n in range(50)),
    "an object": "license: !!python/object/apply:os.system ['touch evil']",
    "no text": "\x00\x01",
    "a deep one": "license: " + "[" * 1000,
}


@pytest.mark.parametrize("case", POISONED)
def test_a_poisoned_card_harms_nobody(case, hub, hub_in_use, make_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    card = f"---\n{POISONED[case]}\n---\n".encode()
    hub.add("me/net", {"model.onnx": make_model(), "README.md": card})
    artifact = resolve("me/net", cache=tmp_path / "cache")
    assert artifact.licence is None
    assert not (tmp_path / "evil").exists()


def test_neither_endpoint_nor_token_come_from_the_repository(
    hub, hub_in_use, make_model, tmp_path
):
    config = b'{"HF_ENDPOINT": "http://127.0.0.1:9", "endpoint": "http://127.0.0.1:9"}'
    dotenv = b"HF_ENDPOINT=http://127.0.0.1:9\nHF_TOKEN=hf_evil\n"
    files = {"model.onnx": make_model(), "config.json": config, ".env": dotenv}
    hub.add("me/net", files)
    resolve("me/net", cache=tmp_path)
    resolve("me/net", cache=tmp_path)
    assert ".env" not in hub.fetched
    assert {request.token for request in hub.requests} == {None}
