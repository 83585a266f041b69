"""The commands end to end, on a small model on disk."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress import errors
from zoo_compress.cli.main import main
from zoo_compress.runtime.flavour import installed_flavours

RUN_KEYS = {
    "source",
    "revision",
    "seed",
    "budget",
    "original_bytes",
    "compressed_bytes",
    "size_ratio",
    "distance",
    "distance_standard_error",
    "relative_distance",
    "search_inputs",
    "certificate",
    "evaluations",
    "seconds",
    "strategy",
    "plan_path",
    "model_path",
    "versions",
    "hardware",
    "sites",
}

QUICK = ["--data", "synthetic", "--strategy", "knapsack", "--trials", "2"]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A classifier of two Gemms, 100 kB, in the working folder."""
    generator = np.random.default_rng(0)
    weights = {
        name: generator.standard_normal(shape).astype(np.float32)
        for name, shape in {"hidden": (128, 64), "head": (128, 128)}.items()
    }
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "hidden"], ["h"], transB=1),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "head"], ["y"], transB=1),
        ],
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 128])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(made, tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    return Path("model.onnx")


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Run a command with `--json` and return the one document on stdout."""
    code = main([*arguments, "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    document = json.loads(captured.out)
    assert isinstance(document, dict)
    return document


def test_run_writes_one_json_document_that_is_run_json(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = run_json(capsys, "run", str(model), "--budget", "0.3", "--out", "made", *QUICK)
    assert set(document) >= RUN_KEYS
    assert set(document["certificate"]) >= {"kind", "bound", "confidence", "n", "scope"}
    assert document["size_ratio"] <= 0.3
    assert document == json.loads(Path("made/run.json").read_text(encoding="utf-8"))


def test_two_budgets_at_once_are_refused_instead_of_the_first_being_dropped(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(model), "--budget", "latency=0.5", "--budget", "0.3"]) == 2
    assert "latency=0.5 and 0.3: give one" in " ".join(capsys.readouterr().err.split())
    assert not Path("runs").exists()


@pytest.mark.parametrize("budget", [0.25, 0.15, 0.125, 0.1])
def test_the_file_is_never_larger_than_the_budget(
    budget: float, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = run_json(capsys, "run", str(model), "--budget", f"{budget}", *QUICK)
    assert document["compressed_bytes"] <= budget * document["original_bytes"]
    assert document["compressed_bytes"] == Path(document["model_path"]).stat().st_size


def test_run_keeps_stdout_clean_in_a_real_process(model: Path) -> None:
    command = [sys.executable, "-m", "zoo_compress.cli.main", "run", str(model)]
    options = ["--budget", "0.3", "--out", "made", *QUICK, "--json"]
    found = subprocess.run([*command, *options], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["compressed_bytes"] == os.path.getsize("made/model.onnx")


def test_run_ends_with_the_summary_and_its_warnings(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(model), "--budget", "0.3", "--out", "made", *QUICK[2:]]) == 0
    out = capsys.readouterr().out
    assert "times smaller" in out
    assert "Certified" in out
    assert "Warning    no --data was given" in out
    assert "zoo-compress resume made --time 5m" in out


def test_apply_makes_the_file_of_the_run_again_byte_for_byte(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_json(capsys, "run", str(model), "--budget", "0.3", "--out", "made", *QUICK)
    plan = ["--plan", "made/plan.json", "--out", "again.onnx"]
    document = run_json(capsys, "apply", str(model), *plan)
    again = Path("again.onnx").read_bytes()
    assert again == Path("made/model.onnx").read_bytes()
    assert document["sha256"] == hashlib.sha256(again).hexdigest()
    assert document["stored_bytes"] == len(again)


def test_resume_goes_on_with_a_run(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = run_json(capsys, "run", str(model), "--budget", "0.3", "--out", "made", *QUICK)
    after = run_json(capsys, "resume", "made", "--time", "5s")
    assert after["evaluations"] >= before["evaluations"]
    assert after["distance"] <= before["distance"]


def save_deep_model(path: Path) -> None:
    """Write twelve products in a row: more plans than any search tries."""
    generator = np.random.default_rng(0)
    names = [f"w{layer}" for layer in range(12)]
    values = ["x", *(f"h{layer}" for layer in range(1, 12)), "y"]
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", [values[i], name], [values[i + 1]])
            for i, name in enumerate(names)
        ],
        "deep",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 64])],
        [
            numpy_helper.from_array((generator.standard_normal((64, 64)) / 8).astype("f"), name)
            for name in names
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(made, path)


def test_control_c_keeps_the_best_so_far_and_says_how_to_go_on(model: Path) -> None:
    save_deep_model(model)
    command = [sys.executable, "-m", "zoo_compress.cli.main", "run", str(model)]
    endless = ["--budget", "0.3", "--out", "made", "--strategy", "random", "--trials", "100000"]
    with subprocess.Popen([*command, *endless], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        await_trials(Path("made/trials.sqlite"))
        process.send_signal(signal.SIGINT)
        errors_shown = process.stderr.read()
    assert process.returncode == errors.SearchInterrupted.exit_code, errors_shown
    assert "zoo-compress resume made" in errors_shown
    assert "Traceback" not in errors_shown


def await_trials(store: Path) -> None:
    """Wait until a run has begun to keep its trials."""
    deadline = time.monotonic() + 60
    while not store.exists():
        assert time.monotonic() < deadline, "the run keeps no trials"
        time.sleep(0.05)
    time.sleep(1)


def test_inspect_lists_the_weights(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(capsys, "inspect", str(model))
    assert {site["name"] for site in document["sites"]} == {"hidden", "head"}
    assert main(["inspect", str(model)]) == 0
    assert "128×64" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        (["run", "no.onnx", "--budget", "0.3"], errors.SourceError, "no.onnx"),
        (["inspect", "no.onnx"], errors.SourceError, "no.onnx"),
        (["run", "text.onnx", "--budget", "0.3"], errors.SourceError, "text.onnx"),
        (["run", "sample:nope", "--budget", "0.3"], errors.SampleError, "nope"),
        (["run", "model.onnx", "--budget", "1.5"], errors.BudgetError, "1.5"),
        (["run", "model.onnx", "--budget", "0.0001"], errors.BudgetError, "0.0001"),
        (["run", "model.onnx", "--budget", "tiny"], errors.BudgetError, "tiny"),
        (["run", "model.onnx", "--budget", "latency=2"], errors.BudgetError, "latency=2"),
        (
            ["run", "model.onnx", "--budget", "latency=0.5", "--recipe", "balanced"],
            errors.BudgetError,
            "balanced",
        ),
        (["run", "model.onnx", "--budget", "0.3", "--recipe", "nope"], errors.RecipeError, "nope"),
        (["run", "model.onnx", "--budget", "0.3", "--data", "nope"], errors.InputError, "nope"),
        (["run", "model.onnx", "--budget", "0.3", "--strategy", "x"], errors.PluginError, "'x'"),
        pytest.param(
            ["run", "model.onnx", "--budget", "0.3", "--device", "cuda:1"],
            errors.RuntimeFlavourError,
            "'cuda:1' cannot be used",
            marks=pytest.mark.skipif(
                installed_flavours() != ("onnxruntime",), reason="another flavour is installed"
            ),
        ),
        (["run", "model.onnx", "--budget", "0.3", "--out", "full"], errors.OutputError, "full"),
        (["apply", "model.onnx", "--plan", "no.json", "--out", "a"], errors.PlanError, "no.json"),
        (["resume", "no-run"], errors.ZooCompressError, "no-run"),
    ],
)
def test_bad_input_is_one_line_with_its_own_exit_code(
    arguments: list[str],
    error: type[errors.ZooCompressError],
    named: str,
    model: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("text.onnx").write_text("no model", encoding="utf-8")
    Path("full").mkdir()
    Path("full/kept").touch()
    before = sorted(Path().rglob("*"))
    code = main(arguments)
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert named in captured.err
    assert captured.out == ""
    assert code == error.exit_code or error is errors.ZooCompressError
    assert sorted(Path().rglob("*")) == before
