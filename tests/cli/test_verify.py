import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.pipeline.conftest import classifier
from zoo_compress.cli.main import main
from zoo_compress.errors import BudgetError, InputError, SourceError


@pytest.fixture
def models(tmp_path: Path) -> tuple[str, str, str]:
    """An original, a model hardly different from it, and data."""
    original, other = classifier(), classifier()
    head = other.graph.initializer[2]
    moved = numpy_helper.to_array(head) * np.float32(1.001)
    head.CopyFrom(numpy_helper.from_array(moved, head.name))
    onnx.save(original, tmp_path / "original.onnx")
    onnx.save(other, tmp_path / "other.onnx")
    samples = np.random.default_rng(1).standard_normal((150, 3, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=samples)
    names = ("original.onnx", "other.onnx", "data.npz")
    first, second, data = (str(tmp_path / name) for name in names)
    return first, second, data


def verify(models: tuple[str, str, str], *limits: str) -> int:
    original, other, data = models
    return main(["verify", other, "--against", original, "--data", data, *limits])


def test_limits_that_are_met_end_with_0(
    models: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    limits = ("--max-disagreement", "0.05", "--max-bytes", "1", "--max-latency-ratio", "50")
    assert verify(models, *limits, "--time", "0.3") == 0
    shown = capsys.readouterr().out
    assert shown.count("✓") == 3
    assert "(0 of 150 did)" in shown


def test_every_missed_limit_is_named_and_the_others_are_listed_too(
    models: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    limits = ("--max-disagreement", "0.05", "--max-bytes", "1kB", "--max-distance", "1e-12")
    assert verify(models, *limits) == 1
    captured = capsys.readouterr()
    assert (captured.out.count("✓"), captured.out.count("✗")) == (1, 2)
    assert captured.err.count("\n") == 1
    assert "--max-distance 1e-12: " in captured.err
    assert "--max-bytes 1kB: " in captured.err


def test_a_limit_of_bytes_may_be_above_the_size_of_the_original(
    models: tuple[str, str, str],
) -> None:
    assert verify(models, "--max-bytes", "5MB") == 0


def test_the_outcome_is_written_as_junit_xml_and_json(
    models: tuple[str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "verify.xml"
    limits = ("--max-disagreement", "0.05", "--max-bytes", "0.5")
    assert verify(models, *limits, "--junit", str(report), "--json") == 1
    suite = ElementTree.parse(report).getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] is False
    assert [entry["met"] for entry in document["requirements"]] == [True, False]
    assert document["certification"]["inputs"] == 150


def test_what_keeps_models_from_being_compared_is_an_error_in_the_xml(
    models: tuple[str, str, str], tmp_path: Path
) -> None:
    report = tmp_path / "verify.xml"
    missing = (str(tmp_path / "none.onnx"), models[1], models[2])
    limits = ("--max-bytes", "1", "--junit", str(report))
    assert verify(missing, *limits) == SourceError.exit_code
    suite = ElementTree.parse(report).getroot()[0]
    assert (suite.get("errors"), suite[0][0].tag) == ("1", "error")
    assert "none.onnx" in str(suite[0][0].get("message"))


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ((), 2),
        (("--max-bytes", "much"), BudgetError.exit_code),
        (("--max-bytes", "distance=0.1"), BudgetError.exit_code),
        (("--max-disagreement", "0.001"), InputError.exit_code),
    ],
)
def test_a_limit_that_cannot_be_checked_is_refused(
    models: tuple[str, str, str],
    limits: tuple[str, ...],
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert verify(models, *limits) == code
    assert capsys.readouterr().out == ""
