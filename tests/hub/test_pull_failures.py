"""What goes wrong on the way ends well after a while or in one line, and the next run succeeds."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from tests.hub_server import EXPIRED_TOKEN, STRANGER_TOKEN, File, Response
from tests.hub_server.faults import Fault
from zoo_compress.errors import DiskFullError, HubError, OutputError
from zoo_compress.hub import listing
from zoo_compress.hub.failures import hub_errors
from zoo_compress.hub.pull import pull

FULL_DISK = Path("/dev/full")
INFO, FILE, BLOB = "/api/models/", "/resolve/", "/blobs/"


@pytest.fixture
def model(hub, make_model) -> bytes:
    """A repository with one model and its config."""
    hub.add("me/net", {"model.onnx": make_model(), "config.json": b'{"a": 1}'})
    return make_model()


def one_line(caught) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


REFUSALS = {
    "bad token": (401, "Invalid credentials in Authorization header", r"valid token.*HTTP 401"),
    "forbidden": (403, "no", r"forbids this.*HTTP 403"),
    "too many": (429, "", r"too many requests.*HTTP 429"),
    "server": (503, "", r"trouble of its own \(HTTP 503\)"),
    "bad request": (400, "what?", r"refused \(HTTP 400\): .*what\?"),
}


@pytest.mark.parametrize("path", [INFO, FILE])
@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_one_line_and_the_next_run_succeeds(case, path, hub, model, pulling, waits):
    status, message, problem = REFUSALS[case]
    hub.faults.status(status, path=path, message=message, times=None)
    with pytest.raises(HubError, match=rf"^'me/net': .*{problem}") as caught:
        pulling()
    one_line(caught)
    hub.faults.clear()
    assert pulling().model_path.read_bytes() == model


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("path", [INFO, FILE, BLOB])
def test_trouble_that_passes_is_waited_out(status, path, hub, model, pulling, waits, slept):
    hub.faults.status(status, path=path, times=2, headers={"Retry-After": "3"})
    assert pulling().model_path.read_bytes() == model
    # The client waits by itself where it asks for files; one second is its own.
    assert slept == [3, 3] if path == INFO else {3, 4} >= {*slept, *waits}


def test_the_hub_may_ask_for_more_time_than_there_is(hub, model, pulling, slept):
    hub.faults.status(429, path=INFO, times=None, headers={"Retry-After": "86400"})
    with pytest.raises(HubError, match="too many requests"):
        pulling()
    assert slept == []
    assert len(hub.requests) == 1


@pytest.mark.parametrize("after", [0, 1, 100])
def test_a_download_that_is_cut_ends_right(after, hub, model, pulling, waits):
    hub.faults.cut(after=after, path=BLOB, times=2)
    pulled = pulling()
    assert pulled.model_path.read_bytes() == model
    assert not list(pulled.root.rglob("*.incomplete"))


def test_a_download_that_is_always_cut_is_one_line(hub, model, pulling, waits):
    hub.faults.cut(after=9, path=BLOB, times=None)
    with pytest.raises(HubError, match="'me/net': the Hub cannot be reached") as caught:
        pulling()
    one_line(caught)
    hub.faults.clear()
    assert pulling().model_path.read_bytes() == model


@pytest.mark.parametrize("path", ["model.onnx", "config.json"])
def test_a_file_that_comes_damaged_is_fetched_once_more(path, hub, model, pulling):
    hub.faults.corrupt(path=path)
    pulled = pulling()
    assert pulled.model_path.read_bytes() == model
    assert (pulled.root / "config.json").read_bytes() == b'{"a": 1}'


@pytest.mark.parametrize("path", ["model.onnx", "config.json"])
def test_a_file_that_is_damaged_twice_is_named_and_not_kept(path, hub, model, pulling):
    hub.faults.corrupt(path=path, times=2)
    with pytest.raises(HubError, match=rf"'me/net': '{path}' came with other bytes") as caught:
        pulling()
    one_line(caught)
    again = pulling()
    assert path in again.fetched
    assert again.model_path.read_bytes() == model


def test_a_file_that_is_damaged_in_xet_storage_is_named(hub, model, pulling):
    hub.xet_downloads = True
    hub.xet.damage_next = 1
    with pytest.raises(HubError, match=r"'me/net': 'model\.onnx' came with other bytes"):
        pulling()


def test_a_sign_in_page_instead_of_a_file_is_never_kept(hub, model, pulling, waits):
    hub.faults.sign_in_page(path=BLOB)
    with pytest.raises(HubError, match="'me/net': a file came with another size") as caught:
        pulling()
    one_line(caught)
    hub.faults.clear()
    assert pulling().model_path.read_bytes() == model


@pytest.mark.parametrize("path", [INFO, FILE])
@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"[1]", b"{}"])
def test_a_sign_in_page_in_the_way_is_recognised(body, path, hub, model, pulling):
    page = Response(headers={"Content-Type": "text/html"}, body=body)
    hub.faults.add(Fault(response=page, path=path, times=None))
    with pytest.raises(HubError, match=r"'me/net': .*(not the Hub|named no commit)") as caught:
        pulling()
    one_line(caught)


def test_a_gated_repository_says_where_to_ask(hub, model, pulling):
    hub.add("me/net", gated=True)
    for token in (False, STRANGER_TOKEN):
        with pytest.raises(HubError, match=r"^'me/net': is gated: accept its terms"):
            pulling(api=hub.api(token))
    hub.repositories["me/net"].admitted.add("stranger")
    assert pulling(api=hub.api(STRANGER_TOKEN)).model_path.read_bytes() == model


def test_a_private_repository_looks_like_a_missing_one(hub, model, pulling):
    hub.add("me/net", private=True)
    for token in (False, STRANGER_TOKEN):
        with pytest.raises(HubError, match=r"'me/net'.*no such repository.*hf auth login"):
            pulling(api=hub.api(token))


def test_an_expired_token_is_told(hub, model, pulling):
    with pytest.raises(HubError, match=r"valid token, yours may have expired; log in") as caught:
        pulling(api=hub.api(EXPIRED_TOKEN))
    assert EXPIRED_TOKEN not in one_line(caught)


def test_a_disabled_repository_is_named(hub, model, pulling):
    hub.add("me/net", disabled=True)
    with pytest.raises(HubError, match=r"^'me/net': is disabled"):
        pulling()


def test_an_unknown_revision_is_named(hub, model, pulling):
    with pytest.raises(HubError, match=r"'me/net': has no revision 'v9'"):
        pulling(revision="v9")


def test_a_file_that_is_listed_but_absent_is_a_hub_error(hub, model, pulling):
    hub.faults.status(404, path=FILE, code="EntryNotFound", times=None)
    with pytest.raises(HubError, match="'me/net': the Hub knows no such file"):
        pulling()


def test_a_hub_that_cannot_be_reached_is_named(pulling, slept):
    api = HfApi(endpoint="http://127.0.0.1:9", token=False)
    with pytest.raises(HubError, match="'me/net': the Hub cannot be reached"):
        pulling(api=api)
    assert len(slept) == 3


def test_a_hub_that_is_slow_to_answer_is_asked_again(hub, model, pulling, monkeypatch, slept):
    monkeypatch.setattr(listing, "INFO_SECONDS", 0.1)
    hub.faults.slow(0.3, path=INFO)
    assert pulling().model_path.read_bytes() == model
    assert len(slept) == 1


def test_what_a_killed_pull_has_left_is_removed(hub, model, pulling):
    left = pulling().root / ".cache" / "huggingface" / "download" / "x.y.0123abcd.incomplete"
    left.write_bytes(bytes(1000))
    (pulling().root / "config.json").unlink()
    assert pulling().fetched == ("config.json",)
    assert not left.exists()


def test_two_pulls_at_once_do_not_take_files_from_each_other(hub, model, pulling):
    hub.faults.slow(0.2, path=FILE, times=4)
    with ThreadPoolExecutor() as threads:
        pulled = [future.result() for future in [threads.submit(pulling) for _ in range(2)]]
    assert [one.model_path.read_bytes() for one in pulled] == [model, model]
    # Whichever comes first to a file fetches it, for both.
    fetched = [name for one in pulled for name in one.fetched]
    assert len(fetched) == len(set(fetched)) == 2


def test_an_id_that_the_hub_cannot_have_is_refused(tmp_path):
    with pytest.raises(HubError, match=r"'me/a--b': is no valid repository id"):
        pull("me/a--b", cache=tmp_path)


def test_a_cache_that_cannot_be_made_is_named(hub, model, pulling, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"the cache '.*file.*' cannot be written.*ZOO_"):
        pulling(cache=tmp_path / "file" / "cache")
    assert hub.fetched == []


def test_a_file_in_the_way_of_a_folder_is_named(hub, make_model, pulling):
    sha = hub.add("me/net", {"onnx/model.onnx": make_model()}).sha
    root = pulling().root
    (root / "onnx" / "model.onnx").unlink()
    (root / "onnx").rmdir()
    (root / "onnx").write_text("in the way")
    with pytest.raises(OutputError, match=rf"{sha}/onnx.*cannot be written"):
        pulling()


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 64 kB, where this process may mount one."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_while_a_file_comes_is_told(hub, pulling, tiny_disk, tmp_path):
    """The Hub's listing is wrong, so that nobody knows beforehand."""
    hub.add("me/net", {"model.onnx": File(bytes(200_000), lfs=True, claimed_size=10)})
    with pytest.raises(DiskFullError, match="'me/net': no space left") as caught:
        pulling(cache=tiny_disk)
    one_line(caught)
    assert not list(tiny_disk.rglob("*.incomplete"))


def test_a_cache_that_may_only_be_read_serves_what_it_has(hub, model, pulling, tiny_disk):
    pulling(cache=tiny_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    assert pulling(cache=tiny_disk).model_path.read_bytes() == model
    hub.add("me/net", {"config.json": b"other"})
    with pytest.raises(OutputError, match=r"the cache '.*tiny.*' cannot be written: Read-only"):
        pulling(cache=tiny_disk)


def test_a_disk_with_too_little_space_is_told_before_anything_comes(hub, pulling, tiny_disk):
    hub.add("me/net", {"model.onnx": bytes(200_000)})
    with pytest.raises(
        DiskFullError, match=r"the files take 200 kB and '.*tiny.*' has .* kB left"
    ):
        pulling(cache=tiny_disk)
    assert hub.fetched == []


@pytest.mark.skipif(not FULL_DISK.exists(), reason="needs a device that is always full")
def test_a_full_disk_during_a_download_is_a_disk_error():
    with (
        pytest.raises(DiskFullError, match="'me/net': no space"),
        hub_errors("me/net"),
        FULL_DISK.open("wb", buffering=0) as full,
    ):
        full.write(b"x")


def test_a_disk_that_xet_fills_is_a_disk_error():
    with pytest.raises(DiskFullError, match="'me/net': no space"), hub_errors("me/net"):
        raise RuntimeError("Task error: I/O error: No space left on device (os error 28)")


def test_a_status_of_xet_is_read_from_its_message():
    with (
        pytest.raises(HubError, match=r"'me/net': the Hub forbids this.*HTTP 403"),
        hub_errors("me/net"),
    ):
        raise ConnectionError("Network error: HTTP status client error (403 Forbidden), domain: x")
