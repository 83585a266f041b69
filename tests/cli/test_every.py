"""`zoo-compress run --all` on a repository of several models."""

import io
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from rich.console import Console

from tests.hub_server import HubServer
from tests.pipeline.conftest import classifier
from zoo_compress.cli.every import runs_table
from zoo_compress.cli.main import main
from zoo_compress.errors import NoSiteError, SourceError
from zoo_compress.pipeline import ModelRun, RunResult, RunSettings

QUICK = ["--budget", "0.4", "--strategy", "knapsack", "--trials", "1"]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZOO_COMPRESS_CACHE", str(tmp_path / "cache"))
    samples = np.random.default_rng(1).standard_normal((120, 3, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=samples)
    return str(tmp_path / "data.npz")


def without_weights() -> bytes:
    model = classifier()
    del model.graph.initializer[:]
    keep = [node for node in model.graph.node if node.op_type == "Relu"][:1]
    keep[0].input[0], keep[0].output[0] = "x", "logits"
    del model.graph.node[:]
    model.graph.node.extend(keep)
    model.graph.output[0].CopyFrom(
        onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["batch", 3, 8, 8])
    )
    return model.SerializeToString()


@pytest.fixture
def repository(hub_in_use: HubServer) -> str:
    """A part that cannot be compressed, one that can, and the same in another precision."""
    whole = classifier().SerializeToString()
    files = {
        "onnx/a_model.onnx": without_weights(),
        "onnx/b_model.onnx": whole,
        "onnx/b_model_fp16.onnx": whole,
    }
    return hub_in_use.add("me/parts", files).sha


def test_a_failure_keeps_no_other_model_from_being_compressed(repository, data, hub, capsys):
    arguments = ["run", "me/parts", "--all", "--out", "runs", "--data", data, *QUICK, "--json"]
    assert main(arguments) == NoSiteError.exit_code
    written = capsys.readouterr()
    failed, done = json.loads(written.out)["runs"]
    assert (failed["model"], failed["exit_code"]) == ("onnx/a_model.onnx", NoSiteError.exit_code)
    assert failed["error"] in written.err
    assert done["model"] == "onnx/b_model.onnx"
    assert done["report"]["source"] == f"me/parts@{repository}:onnx/b_model.onnx"
    assert Path(done["folder"]) == Path("runs/onnx-b_model")
    assert (Path("runs/onnx-b_model") / "model.onnx").is_file()
    assert [part.name for part in Path("runs").iterdir()] == ["onnx-b_model"]


def test_the_models_of_a_folder_are_taken_too(data, capsys):
    Path("net").mkdir()
    for name in ("one", "two"):
        (Path("net") / f"{name}.onnx").write_bytes(without_weights())
    assert main(["run", "net", "--all", "--data", data, *QUICK]) == NoSiteError.exit_code
    written = capsys.readouterr()
    rows = written.out.splitlines()
    assert [row.split()[0] for row in (rows[0], rows[1])] == ["Model", "one.onnx"]
    assert written.out.count("no compressible weight") == 2
    assert [line.split()[0] for line in written.err.splitlines() if "/2 " in line] == [
        "1/2",
        "2/2",
    ]


def test_the_table_tells_what_became_of_each_model(report):
    done = RunSettings(source="me/net@1:onnx/model.onnx", out=Path("runs/onnx-model"))
    failed = RunSettings(source="me/net@1:onnx/other.onnx", out=Path("runs/onnx-other"))
    table = runs_table(
        [
            ModelRun(settings=done, result=RunResult(report=report, folder=done.folder)),
            ModelRun(settings=failed, error=NoSiteError("nothing\nto do")),
        ]
    )
    console = Console(file=io.StringIO(), width=120)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    _, first, second = console.file.getvalue().splitlines()
    assert first.split() == [
        "onnx/model.onnx",
        *("18.6", "MB", "2.32", "MB,", "12.5", "%"),
        "0.0812",
        "runs/onnx-model",
    ]
    assert second.split() == ["onnx/other.onnx", "nothing", "to", "do"]


@pytest.mark.parametrize("source", ["me/parts:onnx/a_model.onnx", "sample:x", "./absent"])
def test_a_source_that_cannot_hold_several_models_is_refused(source, data, capsys):
    assert main(["run", source, "--all", *QUICK]) == SourceError.exit_code
    assert "no folder or repository" in capsys.readouterr().err


def test_pushing_all_at_once_is_refused(data, capsys):
    assert main(["run", "me/parts", "--all", "--push", "me/x", *QUICK]) == 2
    assert "--push takes one run" in capsys.readouterr().err
