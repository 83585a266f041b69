import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import HfApi

from tests.hub_server import Response
from tests.hub_server.faults import Fault
from zoo_compress.errors import DiskFullError, ExternalDataError, HubError, SourceError
from zoo_compress.graph.load import load_model
from zoo_compress.hub.failures import hub_errors
from zoo_compress.hub.pull import pull

FULL_DISK = Path("/dev/full")


@pytest.fixture
def api(hub) -> HfApi:
    return hub.api()


def weight_of(path):
    return load_model(path).graph.initializers["W"].const_value.numpy()


def test_a_model_is_fetched_with_exactly_what_belongs_to_it(hub, api, make_model, tmp_path):
    files = {
        "onnx/model.onnx": make_model("model.onnx_data"),
        "onnx/model.onnx_data": np.arange(12, dtype=np.float32).tobytes(),
        "onnx/model_fp16.onnx": make_model(),
        "onnx/other.bin": b"unrelated",
        "config.json": b"{}",
        "tokenizer.json": b"{}",
        "README.md": b"---\nlicense: mit\n---\n",
        "pytorch_model.bin": b"unrelated",
        "docs/config.json": b"unrelated",
    }
    sha = hub.add("me/net", files).sha
    pulled = pull("me/net", cache=tmp_path, api=api)
    assert pulled.revision == sha
    assert pulled.root == tmp_path / "hub" / "me--net" / sha
    assert pulled.model_path == pulled.root / "onnx" / "model.onnx"
    assert weight_of(pulled.model_path)[2, 3] == 11
    assert set(hub.fetched) == {
        "onnx/model.onnx",
        "onnx/model.onnx_data",
        "config.json",
        "tokenizer.json",
        "README.md",
    }


def test_what_is_here_already_is_not_fetched_again(hub, api, make_model, tmp_path):
    sha = hub.add("me/net", {"model.onnx": make_model()}).sha
    pull("me/net", cache=tmp_path, api=api)
    pull("me/net", cache=tmp_path, revision=sha, api=api)
    assert set(hub.fetched) == {"model.onnx"}


def test_a_revision_is_resolved_to_its_commit_once(hub, api, make_model, tmp_path):
    hub.add("me/net")
    hub.repositories["me/net"].open_pull_request("a model")
    sha = hub.add("me/net", {"model.onnx": make_model()}, revision="refs/pr/1").sha
    pulled = pull("me/net", cache=tmp_path, revision="refs/pr/1", api=api)
    assert pulled.revision == sha
    assert sha in pulled.model_path.parts


def test_a_named_file_is_fetched_instead_of_the_preferred_one(hub, api, make_model, tmp_path):
    hub.add("me/net", {"onnx/model.onnx": make_model(), "onnx/tiny.onnx": make_model()})
    pulled = pull("me/net", cache=tmp_path, file="onnx/tiny.onnx", api=api)
    assert pulled.model_path.name == "tiny.onnx"
    assert set(hub.fetched) == {"onnx/tiny.onnx"}


def test_the_progress_ends_at_the_bytes_fetched(hub, api, make_model, tmp_path):
    hub.add("me/net", {"model.onnx": make_model(), "config.json": b"{}"})
    seen = []
    pull("me/net", cache=tmp_path, api=api, progress=seen.append)
    assert {progress.stage for progress in seen} == {"pull"}
    assert seen[-1].done == seen[-1].total == 2


def test_nothing_is_printed(hub, api, make_model, tmp_path, capfd):
    hub.add("me/net", {"model.onnx": make_model()})
    pull("me/net", cache=tmp_path, api=api)
    assert capfd.readouterr() == ("", "")


def test_an_unknown_file_is_named_with_the_models_that_exist(hub, api, make_model, tmp_path):
    hub.add("me/net", {"model.onnx": make_model()})
    with pytest.raises(SourceError, match=r"'me/net'.*'x\.onnx'.*model\.onnx"):
        pull("me/net", cache=tmp_path, file="x.onnx", api=api)


def test_a_repository_without_onnx_says_how_to_export(hub, api, tmp_path):
    hub.add("me/net", {"model.safetensors": b"x"})
    with pytest.raises(SourceError, match=r"'me/net' holds no \.onnx file.*export"):
        pull("me/net", cache=tmp_path, api=api)


def test_several_models_without_a_preferred_one_are_listed(hub, api, make_model, tmp_path):
    hub.add("me/net", {"a.onnx": make_model(), "b.onnx": make_model()})
    with pytest.raises(SourceError, match=r"a\.onnx, b\.onnx.*'me/net:a\.onnx'"):
        pull("me/net", cache=tmp_path, api=api)


@pytest.mark.parametrize("location", ["../../secret", "/etc/passwd"])
def test_external_data_outside_the_folder_is_never_fetched(
    location, hub, api, make_model, tmp_path
):
    hub.add("me/net", {"onnx/model.onnx": make_model(location), "secret": bytes(48)})
    with pytest.raises(ExternalDataError, match=r"'me/net'.*'onnx/model\.onnx'.*'W'"):
        pull("me/net", cache=tmp_path, api=api)
    assert set(hub.fetched) == {"onnx/model.onnx"}


def test_external_data_that_the_repository_lacks_is_named(hub, api, make_model, tmp_path):
    hub.add("me/net", {"model.onnx": make_model("w.bin")})
    with pytest.raises(ExternalDataError, match=r"'me/net'.*'W'.*'w\.bin'"):
        pull("me/net", cache=tmp_path, api=api)


def test_a_file_name_that_leads_out_of_the_cache_is_ignored(hub, api, tmp_path):
    hub.add("me/net", {"../evil.onnx": b"x", "/evil.onnx": b"x", "a\\b.onnx": b"x"})
    with pytest.raises(SourceError, match=r"holds no \.onnx file"):
        pull("me/net", cache=tmp_path, api=api)


def test_a_commit_that_is_no_sha_is_refused(hub, api, tmp_path):
    commit = hub.add("me/net")
    evil = replace(commit, sha="../../evil")
    hub.repositories["me/net"].commits[commit.sha] = evil
    with pytest.raises(HubError, match=r"'me/net'.*no commit.*evil"):
        pull("me/net", cache=tmp_path, api=api)


def test_an_unknown_repository_is_named(hub, api, tmp_path):
    with pytest.raises(HubError, match=r"'me/gone'.*no such repository.*hf auth login"):
        pull("me/gone", cache=tmp_path, api=api)


def test_an_unknown_revision_is_named(hub, api, tmp_path):
    hub.add("me/net")
    with pytest.raises(HubError, match=r"'me/net': has no revision 'v9'"):
        pull("me/net", cache=tmp_path, revision="v9", api=api)


def test_a_file_that_is_listed_but_absent_is_a_hub_error(hub, api, tmp_path):
    hub.add("me/net", {"model.onnx": b"x"})
    hub.faults.status(404, path="/resolve/", code="EntryNotFound", times=None)
    with pytest.raises(HubError, match="'me/net': the Hub knows no such file"):
        pull("me/net", cache=tmp_path, api=api)


FAILURES = {
    "bad token": (401, "Invalid credentials in Authorization header", r"valid token.*HTTP 401"),
    "forbidden": (403, "no", r"forbids this.*HTTP 403"),
    "too many": (429, "", r"too many requests.*HTTP 429"),
    "server": (503, "", r"trouble of its own \(HTTP 503\)"),
    "bad request": (400, "what?", r"refused \(HTTP 400\): .*what\?"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_refusal_is_one_line_that_names_the_repository(case, hub, api, tmp_path):
    status, message, problem = FAILURES[case]
    hub.faults.status(status, message=message, times=None)
    with pytest.raises(HubError, match=rf"^'me/net': .*{problem}") as caught:
        pull("me/net", cache=tmp_path, api=api)
    assert "\n" not in str(caught.value)


def test_a_gated_repository_says_where_to_ask(hub, api, tmp_path):
    hub.add("me/net", {"model.onnx": b"x"}, gated=True)
    with pytest.raises(HubError, match=r"^'me/net': is gated: accept its terms"):
        pull("me/net", cache=tmp_path, api=api)


def test_a_disabled_repository_is_named(hub, api, tmp_path):
    hub.add("me/net", disabled=True)
    with pytest.raises(HubError, match=r"^'me/net': is disabled"):
        pull("me/net", cache=tmp_path, api=api)


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"[1]", b"{}"])
def test_a_sign_in_page_in_the_way_is_recognised(body, hub, api, tmp_path):
    page = Response(headers={"Content-Type": "text/html"}, body=body)
    hub.faults.add(Fault(response=page, times=None))
    with pytest.raises(HubError, match=r"'me/net': .*(not the Hub|named no commit)"):
        pull("me/net", cache=tmp_path, api=api)


def test_a_hub_that_cannot_be_reached_is_named(tmp_path):
    api = HfApi(endpoint="http://127.0.0.1:9", token=False)
    with pytest.raises(HubError, match="'me/net': the Hub cannot be reached"):
        pull("me/net", cache=tmp_path, api=api)


def test_an_id_that_the_hub_cannot_have_is_refused(tmp_path):
    with pytest.raises(HubError, match=r"'me/a--b': is no valid repository id"):
        pull("me/a--b", cache=tmp_path)


@pytest.mark.skipif(not FULL_DISK.exists(), reason="needs a device that is always full")
def test_a_full_disk_during_a_download_is_a_disk_error():
    with (
        pytest.raises(DiskFullError, match="'me/net': no space"),
        hub_errors("me/net"),
        FULL_DISK.open("wb", buffering=0) as full,
    ):
        full.write(b"x")


SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
from zoo_compress.errors import HubError
from zoo_compress.hub.resolve import resolve
try:
    artifact = resolve(sys.argv[1], cache=Path(sys.argv[2]))
    print(artifact.repo_id, artifact.revision, artifact.licence, artifact.model_path.name)
except HubError as error:
    print(error)
"""


def in_a_process(source, cache, **variables) -> str:
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, source, str(cache)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr == ""
    return result.stdout.strip()


def test_the_endpoint_comes_from_the_environment(hub, make_model, tmp_path):
    files = {"onnx/m.onnx": make_model(), "README.md": b"---\nlicense: mit\n---\n"}
    sha = hub.add("me/net", files).sha
    found = in_a_process("me/net@main:onnx/m.onnx", tmp_path, **hub.variables())
    assert found == f"me/net {sha} mit m.onnx"


def test_offline_mode_is_respected_and_named(hub, tmp_path):
    variables = {**hub.variables(), "HF_HUB_OFFLINE": "1"}
    assert "offline mode is on" in in_a_process("me/net", tmp_path, **variables)
    assert hub.fetched == []
