"""`zoo-compress pull` against a Hub on loopback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.hub_server import EXPIRED_TOKEN, READ_TOKEN, STRANGER_TOKEN, WRITE_TOKEN, HubServer
from zoo_compress.cli.main import main
from zoo_compress.errors import HubError, OutputError, SourceError

DATA = np.arange(12, dtype=np.float32).tobytes()


def model_bytes(location: str | None = None) -> bytes:
    weight = numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(3, 4), "W")
    if location is not None:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size])
        for name, size in (("x", 3), ("y", 4))
    ]
    node = helper.make_node("MatMul", ["x", "W"], ["y"])
    graph = helper.make_graph([node], "g", values[:1], values[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return model.SerializeToString()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("ZOO_COMPRESS_CACHE", str(folder))
    return folder


@pytest.fixture
def sha(hub_in_use: HubServer) -> str:
    files = {
        "onnx/model.onnx": model_bytes("model.onnx_data"),
        "onnx/model.onnx_data": DATA,
        "onnx/other.onnx": model_bytes(),
        "config.json": b"{}",
        "README.md": b"---\nlicense: mit\n---\n",
        "pytorch_model.bin": b"unrelated",
    }
    return hub_in_use.add("me/net", files).sha


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["pull", *arguments]) == 0
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    return json.loads(shown(capsys, *arguments, "--json"))


def test_the_files_are_listed_and_the_path_ends_the_output(sha, cache, capsys):
    lines = shown(capsys, "me/net").splitlines()
    path = cache / "hub" / "me--net" / sha / "onnx" / "model.onnx"
    assert lines[-1] == str(path)
    assert path.read_bytes() == model_bytes("model.onnx_data")
    assert [line.split()[0] for line in lines[:4]] == [
        "onnx/model.onnx",
        "onnx/model.onnx_data",
        "config.json",
        "README.md",
    ]
    assert lines[4].startswith(f"me/net at {sha[:12]}: fetched 4 files, ")


def test_a_second_pull_says_that_all_was_here(sha, hub, capsys):
    shown(capsys, "me/net")
    hub.requests.clear()
    text = shown(capsys, "me/net")
    assert text.count("in the cache") == 5
    assert "everything was in the cache, 4 files" in text
    assert hub.fetched == []


def test_json_says_what_was_fetched(sha, cache, capsys):
    found = document(capsys, "me/net@main")
    assert (found["repo_id"], found["revision"], found["licence"]) == ("me/net", sha, "mit")
    assert [Path(path).is_file() for path in found["models"]] == [True]
    assert found["files"][1] == {"path": "onnx/model.onnx_data", "bytes": 48, "cached": False}
    assert (found["gated"], found["unread"], found["notes"]) == (False, [], [])


def test_a_copy_goes_where_it_is_asked_for(sha, tmp_path, capsys):
    out = tmp_path / "out"
    assert shown(capsys, "me/net", "--out", str(out)).splitlines()[-1] == str(
        out / "onnx" / "model.onnx"
    )
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert found == {"onnx/model.onnx", "onnx/model.onnx_data", "config.json", "README.md"}
    assert all(path.stat().st_nlink == 1 for path in out.rglob("*") if path.is_file())
    assert main(["inspect", str(out), "--recipe", "balanced"]) in (0, 5)


def test_a_copy_never_replaces_other_bytes_unasked(sha, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "config.json").write_text("mine")
    assert main(["pull", "me/net", "--out", str(out)]) == OutputError.exit_code
    assert "config.json' is there already" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["config.json"]
    shown(capsys, "me/net", "--out", str(out), "--overwrite")
    assert (out / "config.json").read_text() == "{}"
    shown(capsys, "me/net", "--out", str(out))


def test_a_copy_that_cannot_be_made_is_named(sha, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    for out in ("file", "file/below"):
        assert main(["pull", "me/net", "--out", str(tmp_path / out)]) == OutputError.exit_code
        assert "file" in capsys.readouterr().err


def test_all_models_are_fetched_when_asked(sha, hub, capsys):
    found = document(capsys, "me/net", "--all")
    assert [Path(path).name for path in found["models"]] == ["model.onnx", "other.onnx"]
    assert "pytorch_model.bin" not in {file["path"] for file in found["files"]}
    text = shown(capsys, "me/net", "--all")
    assert [Path(line).name for line in text.splitlines()[-2:]] == ["model.onnx", "other.onnx"]


def test_all_of_nothing_is_told(hub_in_use, capsys):
    hub_in_use.add("me/weights", {"model.safetensors": b"x"})
    assert main(["pull", "me/weights", "--all"]) == SourceError.exit_code
    assert "holds no .onnx file (found: 1 of safetensors)" in capsys.readouterr().err


def test_all_and_a_file_exclude_each_other(capsys):
    assert main(["pull", "me/net:onnx/model.onnx", "--all"]) == 2
    assert "not both" in capsys.readouterr().err


def test_a_dry_run_lists_exactly_what_would_come(sha, hub, capsys):
    text = shown(capsys, "me/net", "--dry-run")
    assert "would fetch 3 files" in text
    assert set(hub.fetched) == {"onnx/model.onnx"}
    planned = document(capsys, "me/net", "--dry-run")
    fetched = document(capsys, "me/net")
    assert [file["path"] for file in planned["files"]] == [f["path"] for f in fetched["files"]]
    assert planned["unread"] == []


def test_a_dry_run_fetches_nothing_that_it_need_not_read(hub_in_use, capsys):
    hub_in_use.add("me/plain", {"model.onnx": model_bytes(), "config.json": b"{}"})
    found = document(capsys, "me/plain", "--dry-run")
    assert {file["path"]: file["cached"] for file in found["files"]} == {
        "model.onnx": False,
        "config.json": False,
    }
    assert hub_in_use.fetched == []


def test_a_dry_run_says_where_external_data_cannot_be_known_yet(sha, hub, capsys, monkeypatch):
    from zoo_compress.hub import repository

    monkeypatch.setattr(repository, "LARGEST_GRAPH", 10)
    assert document(capsys, "me/net", "--dry-run")["unread"] == ["onnx/model.onnx"]
    text = shown(capsys, "me/net", "--dry-run")
    assert "what external data 'onnx/model.onnx' has is known once it is fetched" in text
    assert hub.fetched == []


def test_offline_the_cache_answers_with_a_note(sha, hub, capsys, monkeypatch):
    from huggingface_hub import constants

    shown(capsys, "me/net")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert main(["pull", "me/net"]) == 0
    written = capsys.readouterr()
    assert "everything was in the cache" in written.out
    assert "warning: 'me/net': the Hub cannot be asked" in written.err


@pytest.mark.parametrize("source", ["sample:x", "./me/net", "net", "me/net:model.safetensors"])
def test_what_is_no_hub_id_is_refused(source, capsys):
    assert main(["pull", source]) == SourceError.exit_code
    assert f"error: '{source}' is no repository on the Hub" in capsys.readouterr().err


REFUSALS = {
    "gated": (STRANGER_TOKEN, {"gated": True}, "is gated: accept its terms"),
    "private": (STRANGER_TOKEN, {"private": True}, "there is no such repository on the Hub"),
    "expired": (EXPIRED_TOKEN, {}, "yours may have expired"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_one_line_without_the_token(case, sha, hub, capfd, monkeypatch):
    token, attributes, line = REFUSALS[case]
    monkeypatch.setenv("HF_TOKEN", token)
    hub.add("me/net", **attributes)
    assert main(["pull", "me/net"]) == HubError.exit_code
    written = capfd.readouterr()
    assert (written.out, written.err.count("\n")) == ("", 1)
    assert line in written.err
    assert token not in written.err
    assert token in {request.token for request in hub.requests}


def test_a_process_of_its_own_prints_no_token_either(sha, hub):
    hub.add("me/net", gated=True)
    environment = {**os.environ, **hub.variables(STRANGER_TOKEN)}
    command = [sys.executable, "-m", "zoo_compress.cli.main", "pull", "me/net"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (HubError.exit_code, "")
    assert done.stderr.startswith("error: 'me/net': is gated")
    assert STRANGER_TOKEN not in done.stderr
    assert STRANGER_TOKEN in {request.token for request in hub.requests}


def test_the_token_of_the_environment_opens_what_is_private(sha, hub, capsys, monkeypatch):
    hub.add("me/net", private=True)
    assert main(["pull", "me/net"]) == HubError.exit_code
    for token in (READ_TOKEN, WRITE_TOKEN):
        monkeypatch.setenv("HF_TOKEN", token)
        assert token not in shown(capsys, "me/net")
