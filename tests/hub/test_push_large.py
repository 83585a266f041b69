"""Files of 20 MB, by Xet as the client sends them by default, and by LFS in parts."""

from pathlib import Path

import numpy as np
import pytest

from tests.hub_server import WRITE_TOKEN
from zoo_compress.errors import HubError
from zoo_compress.hub.contents import Content
from zoo_compress.hub.publication import Pushed, Target
from zoo_compress.hub.push_session import open_session
from zoo_compress.hub.retry import RetryPolicy

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def model() -> bytes:
    return np.random.default_rng(0).bytes(20 * MEGABYTE)


@pytest.fixture
def files(model: bytes, tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "model.onnx").write_bytes(model)
    (tmp_path / "config.json").write_bytes(b"{}")
    return {name: tmp_path / name for name in ("model.onnx", "config.json")}


def pushed(hub, files: dict[str, Path], **wishes) -> Pushed:
    policy = RetryPolicy(attempts=2, sleep=lambda seconds: None)
    target = Target(repo_id="me/net", **wishes)
    session = open_session(target, api=hub.api(WRITE_TOKEN), policy=policy)
    contents = [Content.of(name, path) for name, path in files.items()]
    return session.push(contents, message="Add the model")


def test_a_large_file_goes_by_xet_and_again_not_at_all(hub, files, model, capfd):
    pushed(hub, files)
    assert hub.repositories["me/net"].files() == {"model.onnx": model, "config.json": b"{}"}
    assert hub.asked("GET", "xet-write-token")
    assert hub.asked("PUT") == []
    hub.requests.clear()
    assert pushed(hub, files).sent == ()
    assert hub.asked(path="xet-write-token") == []
    assert capfd.readouterr() == ("", "")


def test_xet_storage_that_is_out_of_reach_once_is_asked_again(hub, files, model):
    hub.faults.status(500, path="xet-write-token")
    pushed(hub, files)
    assert hub.repositories["me/net"].files()["model.onnx"] == model


@pytest.mark.parametrize("status", [401, 403, 404])
def test_xet_storage_that_refuses_ends_in_one_line(hub, files, model, status):
    fault = hub.faults.status(status, path="xet-write-token", times=None)
    with pytest.raises(HubError, match=rf"^'me/net': the Hub .* \(HTTP {status}\)$"):
        pushed(hub, files)
    assert hub.repositories["me/net"].files() == {}
    hub.faults.pending.remove(fault)
    pushed(hub, files)
    assert hub.repositories["me/net"].files()["model.onnx"] == model


def test_a_pull_request_carries_a_large_file_too(hub, files, model):
    hub.add("me/net", {})
    assert pushed(hub, files, propose=True).pull_request
    assert hub.repositories["me/net"].files("refs/pr/1")["model.onnx"] == model


def test_a_large_file_goes_by_lfs_in_parts_that_are_cut_off_and_sent_again(
    hub, files, model, without_xet, waits, capfd
):
    hub.part_bytes = 8 * MEGABYTE
    hub.faults.cut_upload(after=MEGABYTE, path="/parts/")
    pushed(hub, files)
    assert hub.repositories["me/net"].files()["model.onnx"] == model
    assert len(hub.asked("PUT", "/parts/")) == 3
    assert capfd.readouterr() == ("", "")
