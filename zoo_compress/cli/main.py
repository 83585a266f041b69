"""The `zoo-compress` command."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import click

from zoo_compress.cli.errors import guarded
from zoo_compress.cli.lazy import LazyGroup

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
    "push",
    "package",
    "diagnose",
    "recipes",
    "samples",
    "doctor",
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: What follows the program's name; None takes it from `sys.argv`.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal without Unicode shows a question mark instead of ending in a traceback.
        sys.stdout.reconfigure(errors="replace")
    return guarded(
        lambda: cli.main(args=arguments, prog_name="zoo-compress", standalone_mode=False)
    )


if __name__ == "__main__":
    sys.exit(main())
