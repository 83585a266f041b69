"""The command of optimum-cli; only the file that `optimum_plugin` registers imports it."""

from __future__ import annotations

import argparse
import sys

from optimum.commands.base import BaseOptimumCLICommand, CommandInfo


class ZooCompressCommand(BaseOptimumCLICommand):
    """Hand everything that follows the command's name to zoo-compress."""

    COMMAND = CommandInfo(
        name="zoo-compress",
        help="Compress an ONNX model to a byte budget, without labels and without training.",
    )

    @staticmethod
    def parse_args(parser: argparse.ArgumentParser) -> None:
        """Take all arguments as they are, options and `--help` too."""
        # No argument starts with this, so none is taken for an option of optimum's.
        parser.prefix_chars = "\0"
        parser.add_argument("arguments", nargs=argparse.REMAINDER)

    def run(self) -> None:
        """Run zoo-compress and end with its exit code."""
        # Imported here: optimum-cli imports this module whatever command it is asked for.
        from zoo_compress.cli.main import main

        sys.exit(main(self.args.arguments, program="optimum-cli zoo-compress"))
