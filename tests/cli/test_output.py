import os
import sys
from subprocess import run

import pytest

from zoo_compress.cli.output import stdout_kept_clean


def test_what_libraries_and_children_print_goes_to_stderr(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with stdout_kept_clean():
        print("python")
        os.write(1, b"native\n")
        run(["echo", "child"], check=True)
        sys.stdout.flush()
    print("result")
    captured = capfd.readouterr()
    assert captured.out == "result\n"
    assert set(captured.err.split()) == {"python", "native", "child"}


def test_stdout_is_given_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="stop"), stdout_kept_clean():
        raise ValueError("stop")
    os.write(1, b"still there\n")
    assert capfd.readouterr().out == "still there\n"
