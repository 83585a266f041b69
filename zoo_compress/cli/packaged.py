"""What `package` has made, on the screen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo_compress.cli.output import write_json, write_notes
from zoo_compress.cli.summary import WIDTH
from zoo_compress.manifest import MANIFEST_FILE
from zoo_compress.units import counted, readable_bytes

if TYPE_CHECKING:
    from zoo_compress.pipeline import PackageResult


def present(made: PackageResult, *, as_json: bool) -> None:
    """Write the files and how to go on to stdout, or one JSON document; notes go to stderr."""
    write_notes(made.notes)
    if as_json:
        write_json(made.record())
        return
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    console.print(_files(made))
    total = sum(record.bytes for record in made.manifest.files.values())
    console.print(
        Text(
            f"{made.settings.out}: a {made.settings.target} bundle of "
            f"{counted(len(made.manifest.files) + 1, 'file')}, {readable_bytes(total)}"
        )
    )
    for line in made.next:
        # A command is to be copied whole, so it is not wrapped.
        console.print(Text(f"  {line}", style="bold"), soft_wrap=True)


def _files(made: PackageResult) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    for name, record in made.manifest.files.items():
        style = "bold" if name == made.manifest.model else ""
        table.add_row(Text(f"  {name}", style=style), Text(readable_bytes(record.bytes)))
    table.add_row(Text(f"  {MANIFEST_FILE}"), Text(""))
    return table
