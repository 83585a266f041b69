import os
import subprocess
import sys

import numpy as np
import pytest

from tests.hub_server import READ_TOKEN
from zoo_compress.errors import ExternalDataError, SourceError
from zoo_compress.graph.load import load_model
from zoo_compress.hub.pull import pull


def weight_of(path):
    return load_model(path).graph.initializers["W"].const_value.numpy()


def test_a_model_is_fetched_with_exactly_what_belongs_to_it(hub, pulling, make_model, tmp_path):
    wanted = {
        "onnx/model.onnx": make_model("model.onnx_data"),
        "onnx/model.onnx_data": np.arange(12, dtype=np.float32).tobytes(),
        "config.json": b"{}",
        "tokenizer.json": b"{}",
        "README.md": b"---\nlicense: mit\n---\n",
    }
    unrelated = {
        "onnx/model_fp16.onnx": make_model(),
        "onnx/other.bin": b"unrelated",
        "pytorch_model.bin": b"unrelated",
        "docs/config.json": b"unrelated",
    }
    sha = hub.add("me/net", {**wanted, **unrelated}).sha
    pulled = pulling()
    assert pulled.revision == sha
    assert pulled.root == tmp_path / "hub" / "me--net" / sha
    assert pulled.model_path == pulled.root / "onnx" / "model.onnx"
    assert weight_of(pulled.model_path)[2, 3] == 11
    assert set(hub.fetched) == set(pulled.files) == set(pulled.fetched) == set(wanted)
    assert (pulled.file, pulled.files[0]) == ("onnx/model.onnx",) * 2


def test_a_model_comes_by_xet_where_the_hub_offers_it(hub, pulling, make_model):
    hub.xet_downloads = True
    hub.add("me/net", {"onnx/model.onnx": make_model()})
    seen = []
    assert weight_of(pulling(progress=seen.append).model_path)[2, 3] == 11
    assert hub.asked(path="xet-read-token")
    assert hub.fetched == []
    assert seen[-1].done == seen[-1].total == len(make_model())


def test_what_is_here_already_is_not_fetched_again(hub, pulling, make_model):
    sha = hub.add("me/net", {"model.onnx": make_model()}).sha
    pulling()
    hub.requests.clear()
    assert pulling().fetched == ()
    assert hub.asked() == ["/api/models/me/net"]
    assert pulling(revision=sha).fetched == ()
    assert len(hub.requests) == 1


def test_a_revision_is_resolved_to_its_commit_once(hub, pulling, make_model):
    hub.add("me/net")
    hub.repositories["me/net"].open_pull_request("a model")
    sha = hub.add("me/net", {"model.onnx": make_model()}, revision="refs/pr/1").sha
    pulled = pulling(revision="refs/pr/1")
    assert pulled.revision == sha
    assert sha in pulled.model_path.parts
    assert {request.segments[3] for request in hub.requests if "resolve" in request.path} == {sha}


def test_a_new_commit_of_a_branch_is_noticed(hub, pulling, make_model):
    hub.add("me/net", {"model.onnx": make_model(), "config.json": b"{}"})
    pulling()
    sha = hub.add("me/net", {"config.json": b'{"a": 1}'}).sha
    pulled = pulling()
    assert pulled.revision == sha
    assert (pulled.root / "config.json").read_bytes() == b'{"a": 1}'


def test_a_named_file_is_fetched_instead_of_the_preferred_one(hub, pulling, make_model):
    hub.add("me/net", {"onnx/model.onnx": make_model(), "onnx/tiny.onnx": make_model()})
    assert pulling(file="onnx/tiny.onnx").model_path.name == "tiny.onnx"
    assert set(hub.fetched) == {"onnx/tiny.onnx"}


def test_a_name_with_odd_characters_is_fetched(hub, pulling, make_model):
    name = "onnx/ä b#1?%41+&.onnx"
    hub.add("me/net", {name: make_model("w é%.bin"), "onnx/w é%.bin": bytes(48)})
    assert weight_of(pulling(file=name).model_path).shape == (3, 4)


def test_the_progress_counts_bytes_and_ends_at_all_of_them(hub, pulling, make_model, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 50)
    files = {"model.onnx": make_model("w.bin"), "w.bin": bytes(480), "config.json": b"{}"}
    hub.add("me/net", files)
    seen = []
    pulling(progress=seen.append)
    assert {progress.stage for progress in seen} == {"pull"}
    assert seen[-1].done == seen[-1].total == sum(map(len, files.values()))
    within = [progress.done for progress in seen if progress.detail == "w.bin"]
    assert len(set(within)) > 5
    assert within == sorted(within)


def test_nothing_is_printed(hub, pulling, make_model, capfd, waits):
    hub.add("me/net", {"model.onnx": make_model()})
    hub.faults.cut(after=10, path="/blobs/")
    pulling()
    assert len(waits) == 1
    assert capfd.readouterr() == ("", "")


def test_a_gated_repository_is_told_from_an_open_one(hub, pulling, make_model):
    hub.add("me/net", {"model.onnx": make_model()}, gated=True)
    assert pulling(api=hub.api(READ_TOKEN)).gated
    hub.add("me/net", gated=False)
    assert not pulling().gated


def test_an_unknown_file_is_named_with_the_models_that_exist(hub, pulling, make_model):
    hub.add("me/net", {"model.onnx": make_model()})
    with pytest.raises(SourceError, match=r"'me/net'.*'x\.onnx'.*model\.onnx"):
        pulling(file="x.onnx")


def test_a_repository_without_onnx_says_what_it_holds_and_how_to_export(hub, pulling):
    hub.add("me/net", {"model.safetensors": b"x", "pytorch_model.bin": b"x", "q4.gguf": b"x"})
    message = (
        r"'me/net' holds no \.onnx.*1 of safetensors, 1 of PyTorch pickles, 1 of GGUF.*export"
    )
    with pytest.raises(SourceError, match=message):
        pulling()


def test_several_models_without_a_preferred_one_are_listed_with_sizes(hub, pulling):
    names = ("onnx/encoder_model.onnx", "onnx/decoder_model_merged.onnx", "onnx/a_fp16.onnx")
    hub.add("me/net", {name: bytes(12345) for name in names})
    message = (
        r"holds 3 models.*onnx/decoder_model_merged\.onnx \(12\.3 kB\), "
        r"onnx/encoder_model\.onnx \(12\.3 kB\), onnx/a_fp16.*'me/net:onnx/decoder_model_merged"
    )
    with pytest.raises(SourceError, match=message):
        pulling()
    with pytest.raises(SourceError, match=r"for example 'me/net@main:onnx/decoder_model_merged"):
        pulling(revision="main")
    assert hub.fetched == []


def test_external_data_that_the_repository_lacks_is_named(hub, pulling, make_model):
    hub.add("me/net", {"model.onnx": make_model("w.bin")})
    with pytest.raises(ExternalDataError, match=r"'me/net'.*'W'.*'w\.bin'"):
        pulling()


SCRIPT = """
import sys
from pathlib import Path
from zoo_compress.errors import HubError
from zoo_compress.hub.resolve import resolve
try:
    artifact = resolve(sys.argv[1], cache=Path(sys.argv[2]))
    print(artifact.repo_id, artifact.revision, artifact.file, artifact.licence, artifact.gated)
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


def test_the_client_reads_its_environment_and_names_us(hub, make_model, tmp_path):
    files = {"onnx/m.onnx": make_model(), "README.md": b"---\nlicense: mit\n---\n"}
    sha = hub.add("me/net", files, private=True).sha
    found = in_a_process("me/net@main:onnx/m.onnx", tmp_path, **hub.variables())
    assert found == f"me/net {sha} onnx/m.onnx mit False"
    agents = [request.headers["user-agent"] for request in hub.requests if request.host == "hub"]
    assert {agent.split("/")[0] for agent in agents} == {"zoo-compress"}


def test_offline_mode_is_respected_and_named(hub, tmp_path):
    variables = {**hub.variables(), "HF_HUB_OFFLINE": "1"}
    assert "offline mode is on" in in_a_process("me/net", tmp_path, **variables)
    assert hub.requests == []


def test_pull_by_itself_uses_the_client_of_the_environment(hub_in_use, make_model, tmp_path):
    hub_in_use.add("me/net", {"model.onnx": make_model()})
    assert pull("me/net", cache=tmp_path).file == "model.onnx"
