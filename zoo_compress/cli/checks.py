"""What `doctor` shows."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo_compress.cli.summary import WIDTH
from zoo_compress.pipeline import Diagnostics

MARKS = {"good": ("✓", "green"), "note": ("–", "yellow"), "bad": ("✗", "bold red")}


def present(found: Diagnostics) -> None:
    """Write one line for each check to stdout, and what they come to."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in found.checks:
        mark, style = MARKS[check.state]
        table.add_row(Text(mark, style=style), Text(check.name), Text(check.found))
    console.print(table)
    if found.exit_code:
        console.print(Text("`run` would not work: see ✗ above.", style="bold red"))
    else:
        console.print(Text("`run` works here.", style="bold green"))
