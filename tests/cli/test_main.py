import re
import subprocess
import sys

import pytest

from zoo_compress.cli.errors import exit_codes
from zoo_compress.cli.main import COMMANDS, main

HEAVY = {
    "huggingface_hub",
    "jinja2",
    "matplotlib",
    "numpy",
    "onnx",
    "onnx_ir",
    "onnxruntime",
    "onnxslim",
    "PIL",
    "pydantic",
    "rich",
    "scipy",
    "sklearn",
    "skopt",
    "torch",
    "yaml",
}

REPORT_MODULES_AND_TIME = """
import sys, time
from zoo_compress.cli.main import main
code = main({arguments!r})
print(code, time.process_time(), *sorted(sys.modules), file=sys.stderr)
"""


def modules_and_cpu_seconds(*arguments: str) -> tuple[set[str], float]:
    """Run a command in a fresh interpreter; return its modules and its CPU time."""
    script = REPORT_MODULES_AND_TIME.format(arguments=list(arguments))
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    code, seconds, *modules = found.stderr.split()
    assert code == "0", found.stderr
    return set(modules), float(seconds)


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    modules, _ = modules_and_cpu_seconds(*arguments)
    assert not HEAVY & modules


def test_help_takes_less_than_three_tenths_of_a_second_of_cpu() -> None:
    assert min(modules_and_cpu_seconds("--help")[1] for _ in range(3)) < 0.3


def test_help_lists_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for name in COMMANDS:
        assert re.search(rf"^  {name} +\S", text, flags=re.MULTILINE)
    for code, meaning in exit_codes().items():
        assert re.search(rf"^  {code} +{meaning[:30]}", text, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "command", [*([name] for name in COMMANDS), *(["recipes", name] for name in ("list", "show"))]
)
def test_every_command_explains_itself_with_an_example(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert re.search(rf"Examples?:\n    zoo-compress {command[0]}", text)
    assert "\b" not in text


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["squeeze"]) == 2
    assert "No such command 'squeeze'" in capsys.readouterr().err


def test_no_command_shows_the_help_and_is_a_usage_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 2
    assert "Exit codes:" in capsys.readouterr().err


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(r"zoo-compress \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--trials", "0"), ("--seed", "-1"), ("--confidence", "1"), ("--task", "guess")],
)
def test_an_option_out_of_range_is_a_usage_error(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "model.onnx", "--budget", "0.5", option, value]) == 2
    assert option in capsys.readouterr().err
