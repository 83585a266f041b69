import json
from pathlib import Path

import onnx
import pytest

from tests.pipeline.conftest import classifier
from zoo_compress.cli.main import main


@pytest.fixture
def model(tmp_path: Path) -> str:
    onnx.save(classifier(), tmp_path / "model.onnx")
    return str(tmp_path / "model.onnx")


def test_bench_shows_each_model_with_its_ratio_to_the_first(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", model, model, "--time", "0.2"]) == 0
    shown = capsys.readouterr()
    assert "ratio (middle half)" in shown.out
    assert "CPUExecutionProvider on cpu" in shown.out
    assert "warning: " in shown.err


def test_one_model_alone_is_compared_with_nothing(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", model, "--time", "0.1"]) == 0
    assert "ratio" not in capsys.readouterr().out


def test_bench_writes_one_json_document(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", model, model, "--time", "0.1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [entry["source"] for entry in document["models"]] == [model, model]


def test_bench_needs_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench"]) == 2
    assert main(["bench", "no.onnx"]) == 3
    assert "'no.onnx'" in capsys.readouterr().err
