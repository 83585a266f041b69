"""The `zoo-compress` command."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from zoo_compress.cli.errors import guarded
from zoo_compress.cli.lazy import LazyGroup

PROGRAMS = ("zoo-compress", "hf-zoo-compress")
"""The names that pip installs this under; the second is what `hf zoo-compress` runs."""

COMMANDS = (
    "run",
    "resume",
    "frontier",
    "card",
    "certify",
    "verify",
    "bench",
    "inspect",
    "apply",
    "pull",
    "push",
    "package",
    "diagnose",
    "recipes",
    "samples",
    "doctor",
    "plugin",
)


@click.group(
    cls=LazyGroup,
    modules={name: f"zoo_compress.cli.{name}" for name in COMMANDS},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="zoo-compress", message="%(prog)s %(version)s")
def cli() -> None:
    """Compress an ONNX model to a byte budget, without labels and without training.

    The result opens in a stock ONNX Runtime and comes with a statement of how far its outputs
    can be from the original's.

    \b
    Example:
      zoo-compress run sample:efficientnet-lite0 --budget 0.125
    """


def main(arguments: Sequence[str] | None = None, *, program: str | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: What follows the program's name; None takes it from `sys.argv`.
        program: What help calls the program; None for the name that it was started by.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal without Unicode shows a question mark instead of ending in a traceback.
        sys.stdout.reconfigure(errors="replace")
    return guarded(
        lambda: cli.main(args=arguments, prog_name=program or _program(), standalone_mode=False)
    )


def _program() -> str:
    started = Path(sys.argv[0]).stem
    return started if started in PROGRAMS else PROGRAMS[0]


if __name__ == "__main__":
    sys.exit(main())
