"""How the command line ends: one line and an exit code for what a user can mend."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from zoo_compress import errors
from zoo_compress.errors import DiskFullError, SearchInterrupted, ZooCompressError
from zoo_compress.files import NO_SPACE

USUAL_CODES = {
    0: "Success.",
    1: "An unexpected failure, with its traceback.",
    2: "A wrong command line.",
}


def exit_codes() -> dict[int, str]:
    """Return what each exit code means, in the words of the error classes."""
    leaves = [
        leaf
        for leaf in vars(errors).values()
        if isinstance(leaf, type)
        and issubclass(leaf, ZooCompressError)
        and leaf is not ZooCompressError
    ]
    meanings = {leaf.exit_code: first_line(leaf) for leaf in leaves}
    shared = {
        code: f"{meanings[code]} Or: {usual}"
        for code, usual in USUAL_CODES.items()
        if code in meanings
    }
    return USUAL_CODES | meanings | shared


def guarded(body: Callable[[], object]) -> int:
    """Call `body` and return the exit code of the command.

    A `ZooCompressError`, a wrong command line, Ctrl-C and a full disk end with one line on
    stderr. Everything else is a bug and keeps its traceback. click itself ends quietly, with exit
    code 1, when the reader of a pipe has gone.

    Args:
        body: Runs the command; an integer that it returns is the exit code.
    """
    try:
        code = body()
    except ZooCompressError as error:
        return complain(str(error) or first_line(type(error)), error.exit_code)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return complain("stopped by the user", SearchInterrupted.exit_code)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        return complain(disk_full(error), DiskFullError.exit_code)
    return code if isinstance(code, int) else 0


def complain(message: str, exit_code: int) -> int:
    """Write one `error:` line to stderr and return `exit_code`."""
    line = " ".join(message.split())
    print(f"error: {line}", file=sys.stderr)  # noqa: T201 - the one place that reports failure
    return exit_code


def disk_full(error: OSError) -> str:
    """Say which file did not fit, when the system tells."""
    where = f" for {error.filename}" if error.filename else ""
    return f"no space left on the device{where}; free some space and run the command again"


def first_line(leaf: type[ZooCompressError]) -> str:
    """Return the first line of an error's docstring."""
    return (leaf.__doc__ or leaf.__name__).strip().splitlines()[0]
