"""What `verify` shows and writes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo_compress.cli.certification import as_document
from zoo_compress.cli.output import write_json, write_notes
from zoo_compress.cli.summary import WIDTH
from zoo_compress.errors import LimitError, ZooCompressError
from zoo_compress.files import atomic_write
from zoo_compress.pipeline import Verification, VerifySettings
from zoo_compress.report.junit import JUnitCase, junit_xml


def present(found: Verification, *, as_json: bool) -> None:
    """Write one line for each limit to stdout, or one JSON document; notes go to stderr."""
    write_notes(found.certification.notes)
    if as_json:
        write_json({**found.record(), "certification": as_document(found.certification)})
        return
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    table = Table.grid(padding=(0, 2))
    for requirement in found.requirements:
        mark = Text("✓", style="green") if requirement.met else Text("✗", style="bold red")
        table.add_row(mark, Text(requirement.name), Text(requirement.found))
    console.print(table)
    console.print(Text(found.certification.scope, style="dim"))


@contextmanager
def reported(
    path: Path | None, settings: VerifySettings
) -> Iterator[Callable[[Verification], None]]:
    """Write JUnit XML, if a path is named: of what was found, or of the error inside the block.

    Yields:
        A function to be told what was found.

    Raises:
        ZooCompressError: That of the block.
    """
    start = time.perf_counter()
    suite = f"zoo-compress verify {settings.certify.compressed}"

    def write(cases: list[JUnitCase]) -> None:
        if path is not None:
            atomic_write(path, junit_xml(suite, cases, seconds=time.perf_counter() - start))

    try:
        yield lambda found: write(_cases(found))
    except LimitError:
        raise
    except ZooCompressError as error:
        write([JUnitCase(name="comparison", outcome="error", message=str(error))])
        raise


def _cases(found: Verification) -> list[JUnitCase]:
    return [
        JUnitCase(name=r.name, outcome="passed" if r.met else "failure", message=r.found)
        for r in found.requirements
    ]
