import json
from pathlib import Path

import onnx
import pytest

from tests.pipeline.conftest import classifier
from zoo_compress.cli.main import main


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small classifier in the working folder."""
    onnx.save(classifier(), tmp_path / "net.onnx")
    monkeypatch.chdir(tmp_path)
    return "net.onnx"


def test_the_files_and_how_to_go_on_are_listed(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["package", model, "--target", "plain", "--out", "made"]) == 0
    out = capsys.readouterr().out
    assert "net.onnx" in out
    assert "zoo-compress.json" in out
    assert "made: a plain bundle of 2 files" in out
    assert out.splitlines()[-1] == "  zoo-compress inspect made"


def test_json_is_one_document_with_the_digests(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["package", model, "--target", "plain", "--out", "made", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    written = json.loads(Path("made/zoo-compress.json").read_text("utf-8"))
    assert document["files"] == written["files"]
    assert document["out"] == "made"


def test_every_command_takes_a_bundle_and_refuses_a_changed_one(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["package", model, "--target", "plain", "--out", "made"]) == 0
    capsys.readouterr()
    limits = ["--max-disagreement", "0.5", "--inputs", "8", "--data", "synthetic"]
    assert main(["verify", "made", "--against", model, *limits]) == 0
    assert "✓" in capsys.readouterr().out
    with Path("made/net.onnx").open("ab") as file:
        file.write(b" ")
    assert main(["inspect", "made"]) == 3
    found = capsys.readouterr()
    assert found.err.startswith("error: 'made/net.onnx' was changed since it was packaged")
    assert found.err.count("\n") == 1


def test_a_taken_place_is_one_line_with_the_exit_code_of_outputs(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["package", model, "--target", "plain", "--out", "."]) == 9
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("target", "next_line"),
    [("triton", "tritonserver --model-repository"), ("docker", "docker build -t mine")],
)
def test_a_bundle_for_a_server_says_how_to_start_it(
    target: str, next_line: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--name", "mine", "--instances", "3", "--device", "gpu", "--out", "made"]
    assert main(["package", model, "--target", target, *options]) == 0
    assert f"  {next_line}" in capsys.readouterr().out
    assert main(["inspect", "made"]) == 0


def test_the_original_is_for_triton_alone(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["package", model, "--target", "docker", "--out", "made", "--with-original"]
    assert main(asked) == 2
    assert "--with-original goes with --target triton" in capsys.readouterr().err
    assert not Path("made").exists()
