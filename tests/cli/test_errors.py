import errno
import os
import subprocess
import sys

import click
import pytest

from zoo_compress import errors
from zoo_compress.cli.errors import exit_codes, guarded

LEAVES = [
    leaf
    for leaf in vars(errors).values()
    if isinstance(leaf, type)
    and issubclass(leaf, errors.ZooCompressError)
    and leaf is not errors.ZooCompressError
]


def failing(error: BaseException) -> int:
    def body() -> None:
        raise error

    return guarded(body)


@pytest.mark.parametrize("leaf", LEAVES)
def test_an_expected_error_is_one_line_and_its_own_exit_code(
    leaf: type[errors.ZooCompressError], capsys: pytest.CaptureFixture[str]
) -> None:
    assert failing(leaf("weight 'w':\n  too small")) == leaf.exit_code
    captured = capsys.readouterr()
    assert captured.err == "error: weight 'w': too small\n"
    assert captured.out == ""


def test_every_error_has_its_own_exit_code_and_only_a_missed_limit_has_a_usual_one() -> None:
    codes = {leaf: leaf.exit_code for leaf in LEAVES}
    assert len(set(codes.values())) == len(codes)
    assert codes.pop(errors.LimitError) == 1
    assert not {0, 1, 2} & set(codes.values())
    assert set(codes.values()) | {0, 1, 2} == set(exit_codes())


def test_exit_code_1_is_explained_as_a_missed_limit_and_as_an_unexpected_failure() -> None:
    assert exit_codes()[1] == (
        "A limit that `certify` or `verify` was given is not met. Or: An unexpected failure, "
        "with its traceback."
    )


def test_an_error_without_a_message_speaks_through_its_class(
    capsys: pytest.CaptureFixture[str],
) -> None:
    failing(errors.PlanError())
    assert capsys.readouterr().err.startswith("error: A plan cannot be read")


def test_a_full_disk_names_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/model.onnx")
    assert failing(full) == errors.DiskFullError.exit_code
    assert "no space left on the device for runs/model.onnx" in capsys.readouterr().err


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), click.Abort()])
def test_control_c_outside_a_run_ends_with_130(
    stop: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failing(stop) == 130
    assert capsys.readouterr().err == "error: stopped by the user\n"


@pytest.mark.parametrize("bug", [ZeroDivisionError(), PermissionError(errno.EACCES, "denied")])
def test_a_bug_keeps_its_traceback(bug: Exception) -> None:
    with pytest.raises(type(bug)):
        failing(bug)


def test_the_exit_code_of_a_command_that_ends_early_is_kept() -> None:
    assert guarded(lambda: 3) == 3
    assert guarded(lambda: None) == 0


def test_a_reader_that_goes_away_ends_the_command_quietly() -> None:
    command = [sys.executable, "-m", "zoo_compress.cli.main", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_text_that_the_terminal_cannot_show_does_not_end_in_a_traceback() -> None:
    script = "from zoo_compress.cli.main import main; main(['--version']); print('1 \u2192 2')"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    found = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert found.stdout.endswith("1 ? 2\n")
    assert found.stderr == ""
