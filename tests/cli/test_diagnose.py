import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.cli.test_main import modules_and_cpu_seconds
from tests.pipeline.conftest import Case, case
from zoo_compress import errors
from zoo_compress.cli import diagnosis
from zoo_compress.cli.main import main
from zoo_compress.pipeline import Diagnosis

__all__ = ["case"]


def size(n: int, skewness: float, coverage: float, *, acceptable: bool) -> dict[str, Any]:
    return {
        "n": n,
        "skewness": skewness,
        "p_value": 3.4e-12,
        "coverage": coverage,
        "acceptable": acceptable,
        "standardised": [],
    }


@pytest.fixture
def report() -> dict[str, Any]:
    """The parts of a diagnose.json that are shown."""
    return {
        "source": "model[0].onnx",
        "normality": {
            "rule": "the rule",
            "recommended_inputs": 50,
            "sizes": [
                size(5, 1.234, 0.802, acceptable=False),
                size(50, -0.31, 0.934, acceptable=True),
            ],
        },
        "distance_error": {"error": "disagreement", "classifier": True, "spearman": 0.871},
        "figures": {"acquisition": ["acquisition.png", "acquisition.gif"]},
    }


def printed(report: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    diagnosis.show(Diagnosis(report=report, folder=Path("made")))
    return capsys.readouterr().out


def test_each_number_of_inputs_has_a_row_with_its_verdict(
    report: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line.split() for line in printed(report, capsys).splitlines()]
    assert ["model[0].onnx"] in lines
    assert ["5", "1.23", "3.4e-12", "80.2", "%", "no"] in lines
    assert ["50", "-0.31", "3.4e-12", "93.4", "%", "yes"] in lines


def test_the_recommendation_the_correlation_and_the_files_are_told(
    report: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(report, capsys)
    assert "Recommended inputs: 50\n  the rule" in text
    assert "Rank correlation of distance and disagreement, weights one by one: 0.87" in text
    for name in ("acquisition.png", "acquisition.gif", "diagnose.json"):
        assert f"\n  {Path('made') / name}\n" in text


def test_where_no_number_is_enough_more_than_the_largest_is_recommended(
    report: dict[str, Any],
) -> None:
    missing = report["normality"] | {"recommended_inputs": None}
    assert "Recommended inputs: more than 50" in diagnosis.recommendation(missing).plain


def test_a_correlation_that_is_not_defined_is_said_so(report: dict[str, Any]) -> None:
    constant = report["distance_error"] | {"spearman": None}
    assert "not defined" in diagnosis.correlation(constant).plain


def test_a_model_that_is_no_classifier_is_said_so(report: dict[str, Any]) -> None:
    weights = report["distance_error"] | {"error": "weight error", "classifier": False}
    assert "not a classifier" in diagnosis.correlation(weights).plain
    assert "not a classifier" not in diagnosis.correlation(report["distance_error"]).plain


def test_the_table_fits_a_narrow_terminal(report: dict[str, Any]) -> None:
    console = Console(width=70)
    with console.capture() as capture:
        console.print(diagnosis.size_table(report["normality"], title="a model"))
    assert max(map(len, capture.get().splitlines())) <= 70


def test_the_command_writes_its_one_document_to_stdout(
    case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ["--repetitions", "20", "--plans", "2", "--out", str(case.out)]
    arguments = ["diagnose", str(case.model), "--data", str(case.data), *quick]
    assert main([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((case.out / "diagnose.json").read_text("utf-8"))
    assert main(arguments) == errors.OutputError.exit_code
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--repetitions", "19"), ("--plans", "0"), ("--seed", "-1"), ("--task", "guess")],
)
def test_an_option_out_of_range_is_a_usage_error(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", "model.onnx", option, value]) == 2
    assert option in capsys.readouterr().err


def test_its_help_loads_neither_plots_nor_models() -> None:
    modules, _ = modules_and_cpu_seconds("diagnose", "--help")
    assert not {"matplotlib", "numpy", "onnxruntime", "rich", "scipy", "skopt"} & modules
