"""`certify` end to end, on small models on disk, and what it shows."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from tests.pipeline.conftest import classifier
from tests.pipeline.variants import half, infinite_where_bright, noisy, renamed_input, saved
from zoo_compress import errors
from zoo_compress.cli.certification import panel
from zoo_compress.cli.main import main
from zoo_compress.cli.options import DISTANCES
from zoo_compress.pipeline import CertifySettings, certify_pair
from zoo_compress.stats import distances

KEYS = {
    "original",
    "compressed",
    "original_bytes",
    "compressed_bytes",
    "size_ratio",
    "identical",
    "task",
    "distance",
    "distance_scale",
    "data",
    "synthetic",
    "inputs",
    "scale_inputs",
    "seed",
    "certificates",
    "limits",
    "passed",
    "scope",
    "notes",
    "versions",
    "hardware",
}

MODELS = ["certify", "model.onnx", "near.onnx"]
DATA = ["--data", "data.npz"]


@pytest.fixture(autouse=True)
def _models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models and 200 samples in the working folder."""
    saved(classifier(), tmp_path / "model.onnx")
    saved(noisy(1e-6), tmp_path / "near.onnx")
    saved(noisy(1.0), tmp_path / "far.onnx")
    samples = np.random.default_rng(1).standard_normal((200, 3, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=samples)
    monkeypatch.chdir(tmp_path)


def drawn(*, width: int = 100, **settings: Any) -> str:
    """The panel as text, without its borders and line ends."""
    asked = {"original": "model.onnx", "compressed": "near.onnx", "data": "data.npz"}
    console = Console(width=width)
    with console.capture() as capture:
        console.print(panel(certify_pair(CertifySettings(**(asked | settings)))))
    return " ".join(capture.get().replace("│", " ").split())


def test_a_limit_that_is_met_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*MODELS, *DATA, "--max-disagreement", "0.02"]) == 0
    captured = capsys.readouterr()
    assert "Met" in captured.out
    assert captured.err == ""


def test_a_limit_that_is_missed_ends_with_1_and_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["certify", "model.onnx", "far.onnx", *DATA, "--max-disagreement", "0.02"]) == 1
    captured = capsys.readouterr()
    assert "Missed" in captured.out
    assert re.fullmatch(
        r"error: --max-disagreement 0\.02 is not certified: with 95 % confidence the top answers "
        r"differ on at most \S+ % of inputs \(\d+ of 200 did\); 149 inputs would be enough if "
        r"none differed\n",
        captured.err,
    )


def test_a_limit_on_the_distance_decides_too() -> None:
    assert main([*MODELS, *DATA, "--max-distance", "0.1"]) == 0
    far = ["certify", "model.onnx", "far.onnx", *DATA]
    assert main([*far, "--max-distance", "0.1"]) == 1
    assert main([*far, "--max-distance", "0.1", "--distance", "cosine"]) == 1


def test_without_a_limit_even_another_model_ends_with_0() -> None:
    assert main(["certify", "model.onnx", "far.onnx", *DATA]) == 0


@pytest.mark.parametrize(("compressed", "code"), [("near.onnx", 0), ("far.onnx", 1)])
def test_json_is_one_document_whether_the_limit_is_met_or_not(
    compressed: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    limit = ["--max-disagreement", "0.02", "--json"]
    assert main(["certify", "model.onnx", compressed, *DATA, *limit]) == code
    document = json.loads(capsys.readouterr().out)
    assert set(document) == KEYS
    assert document["passed"] == (code == 0)
    (found,) = document["limits"]
    assert (found["option"], found["limit"], found["needed_inputs"]) == (
        "--max-disagreement",
        0.02,
        149,
    )
    assert found["met"] == document["passed"]
    assert found["bound"] == document["certificates"][0]["bound"]
    assert set(document["certificates"][0]) == {
        *("kind", "bound", "confidence", "n", "observed", "scope", "statement")
    }


def test_json_holds_no_infinity_and_leaves_notes_to_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    saved(infinite_where_bright(), Path("broken.onnx"))
    assert main(["certify", "model.onnx", "broken.onnx", "--inputs", "40", "--json"]) == 0
    captured = capsys.readouterr()
    assert not re.search(r"\b(Infinity|NaN)\b,?$", captured.out, flags=re.MULTILINE)
    document = json.loads(captured.out)
    assert document["certificates"][1]["bound"] is None
    assert document["passed"] is None
    warnings = captured.err.splitlines()
    assert [line.removeprefix("warning: ") for line in warnings] == document["notes"]
    assert "synthetic inputs stand in" in warnings[0]
    assert "NaN, infinite" in warnings[1]


def test_stdout_stays_clean_in_a_real_process() -> None:
    command = [sys.executable, "-m", "zoo_compress.cli.main", *MODELS, *DATA]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    found = subprocess.run(
        [*command, "--max-disagreement", "0.02", "--json"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["passed"] is True
    assert found.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        (["no.onnx", "near.onnx"], errors.SourceError, "no.onnx"),
        (["model.onnx", "no.onnx"], errors.SourceError, "no.onnx"),
        (["model.onnx", "renamed.onnx"], errors.SourceError, "'pixels'"),
        (["model.onnx", "near.onnx", "--data", "nope"], errors.InputError, "nope"),
        (
            ["model.onnx", "near.onnx", "--inputs", "100", "--max-disagreement", "0.02"],
            errors.InputError,
            "149",
        ),
        (
            ["model.onnx", "near.onnx", "--task", "other", "--max-disagreement", "0.02"],
            errors.InputError,
            "not known to be a classifier",
        ),
    ],
)
def test_mistakes_are_one_line_with_their_own_exit_code(
    arguments: list[str],
    error: type[errors.ZooCompressError],
    named: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    saved(renamed_input("pixels"), Path("renamed.onnx"))
    assert main(["certify", *arguments]) == error.exit_code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert named in captured.err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--confidence", "1"),
        ("--confidence", "0"),
        ("--max-disagreement", "0"),
        ("--max-disagreement", "2"),
        ("--max-distance", "0"),
        ("--distance", "l1"),
        ("--inputs", "0"),
    ],
)
def test_an_option_out_of_range_is_a_usage_error(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*MODELS, option, value]) == 2
    assert option in capsys.readouterr().err


def test_the_distances_offered_are_those_of_the_library() -> None:
    assert DISTANCES == distances.DISTANCES


def test_the_panel_tells_sizes_statements_and_scope() -> None:
    saved(half(), Path("half.onnx"))
    text = drawn(compressed="half.onnx")
    assert "half.onnx" in text
    assert "against model.onnx" in text
    assert re.search(r"55\.0 kB → 27\.7 kB 50\.\d % of the original, 2\.0 times smaller", text)
    assert "Certified With 95 % confidence the compressed model's top answer differs" in text
    assert "Asymptotic The mean squared output distance" in text
    assert "Scope 200 inputs, out of 200 samples from file data.npz" in text
    assert "For the distance, the first 40 only set the scale. Each statement holds by" in text


def test_the_panel_sets_limits_beside_what_is_certified() -> None:
    text = drawn(compressed="far.onnx", max_disagreement=0.02, max_distance=1e6)
    assert "Missed --max-disagreement 0.02: the top answers differ on at most" in text
    assert "Met --max-distance 1e+06: the squared output distance is at most" in text


def test_files_of_one_size_are_not_called_larger_or_smaller() -> None:
    text = drawn()
    assert "100 % of the original" in text
    assert "times" not in text
    assert "identical files" in drawn(compressed="model.onnx")


def test_a_panel_without_exact_statements_has_no_row_for_them() -> None:
    text = drawn(task="embedding", distance="relational")
    assert "Certified" not in text
    assert "Asymptotic The mean relational distance" in text
    assert "holds by itself" not in text


def test_warnings_stand_in_the_panel() -> None:
    assert "Warning no --data was given: synthetic inputs stand in" in drawn(data=None, inputs=30)


def test_off_a_terminal_the_panel_is_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*MODELS, *DATA]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) == 92
