"""What `inspect` shows: the sites, what applies to them, and what was left alone."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo_compress.cli.output import write_notes
from zoo_compress.core import Declined, Option
from zoo_compress.units import counted, readable_bytes, readable_share

if TYPE_CHECKING:
    from zoo_compress.pipeline import GroupReport, Inspection, SiteReport

NAMES_SHOWN = 4
WIDTH_OFF_TERMINAL = 120


def as_document(found: Inspection) -> dict[str, Any]:
    """Return the inspection as JSON values, sites in the order of the graph."""
    return {
        "source": found.source,
        "original_bytes": found.original_bytes,
        "decoded_bytes": found.decoded_bytes,
        "smallest_ratio": found.smallest_ratio,
        "simplified": found.simplified,
        "sites": [_site_document(report, found.decoded_bytes) for report in found.sites],
        "groups": [vars(group) for group in found.groups],
        "declined": [_declined_document(declined) for declined in found.declined],
        "notes": list(found.notes),
    }


def show(found: Inspection) -> None:
    """Write the tables to stdout, the largest weights first, and the notes to stderr."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OFF_TERMINAL)
    console.print(site_table(found))
    console.print(totals(found))
    if found.groups:
        console.print(groups_table(found.groups))
    if found.declined:
        console.print(declined_table(found.declined))
    write_notes(found.notes)


def site_table(found: Inspection) -> Table:
    """Return one row per site: name, operator, shape, bytes, share, techniques."""
    table = Table(title=found.source, title_justify="left", title_style="bold", box=None)
    table.add_column("Weight", overflow="fold")
    table.add_column("Read by")
    table.add_column("Shape")
    table.add_column("Size", justify="right", no_wrap=True)
    table.add_column("Share", justify="right", no_wrap=True)
    table.add_column("Techniques (options): smallest to largest")
    for report in sorted(found.sites, key=lambda report: -report.site.stored_bytes):
        site = report.site
        table.add_row(
            Text(site.name),
            Text(", ".join(dict.fromkeys(reader.op_type for reader in site.readers))),
            "×".join(map(str, site.shape)),
            readable_bytes(site.stored_bytes),
            readable_share(site.stored_bytes / found.decoded_bytes),
            Text("\n".join(technique_ranges(report.options))),
        )
    return table


def technique_ranges(options: Sequence[Option]) -> list[str]:
    """Return each technique with its number of options and the range of their bytes."""
    ranges = []
    for technique in dict.fromkeys(option.technique for option in options):
        sizes = [option.stored_bytes for option in options if option.technique == technique]
        ends = dict.fromkeys((readable_bytes(min(sizes)), readable_bytes(max(sizes))))
        ranges.append(f"{technique} {' to '.join(ends)} ({len(sizes)})")
    return ranges


def totals(found: Inspection) -> Text:
    """Say what share of the model the sites hold and how small its file can get."""
    held = sum(report.site.stored_bytes for report in found.sites)
    whole, stored = readable_bytes(found.decoded_bytes), readable_bytes(found.original_bytes)
    simplified = "; simplified first" if found.simplified else ""
    packed = "" if whole == stored else f"; the file has {stored}"
    smallest = readable_bytes(found.smallest_ratio * found.original_bytes)
    return Text(
        f"{counted(len(found.sites), 'weight')} hold {readable_bytes(held)} of {whole}"
        f"{simplified}{packed}. Smallest that this recipe reaches: "
        f"{smallest}, a budget of {found.smallest_ratio:.4f}.\n"
    )


def groups_table(groups: Iterable[GroupReport]) -> Table:
    """Return what `remove` in a recipe could take from the graph, gathered by kind and reason."""
    table = Table(title="Channels and heads", title_justify="left", title_style="bold", box=None)
    table.add_column("Computed by", overflow="fold")
    table.add_column("How many", justify="right", no_wrap=True)
    table.add_column("Can be removed")
    gathered: dict[tuple[str, str], list[GroupReport]] = {}
    for group in groups:
        gathered.setdefault((group.reason or "", group.kind), []).append(group)
    for (reason, kind), members in sorted(gathered.items()):
        names = _some([member.name for member in members])
        units = sum(member.units for member in members)
        table.add_row(Text(names), f"{units} {kind}", Text(f"no: {reason}" if reason else "yes"))
    return table


def declined_table(declined: Iterable[Declined]) -> Table:
    """Return what was left alone, gathered by reason, most bytes first."""
    table = Table(title="Left as they are", title_justify="left", title_style="bold", box=None)
    table.add_column("Weights", overflow="fold")
    table.add_column("Size", justify="right", no_wrap=True)
    table.add_column("Reason")
    by_reason = sorted(declined, key=lambda item: item.reason)
    groups = [list(group) for _, group in groupby(by_reason, key=lambda item: item.reason)]
    for group in sorted(groups, key=lambda group: -_total_bytes(group)):
        names = Text(_some([item.name for item in group]))
        table.add_row(names, readable_bytes(_total_bytes(group)), Text(group[0].reason))
    return table


def _some(names: Sequence[str]) -> str:
    shown, hidden = ", ".join(names[:NAMES_SHOWN]), len(names) - NAMES_SHOWN
    return shown if hidden <= 0 else f"{shown} and {hidden} more"


def _total_bytes(group: Iterable[Declined]) -> int:
    return sum(item.stored_bytes for item in group)


def _site_document(report: SiteReport, decoded_bytes: int) -> dict[str, Any]:
    site = report.site
    return {
        "name": site.name,
        "shape": list(site.shape),
        "dtype": site.dtype,
        "stored_bytes": site.stored_bytes,
        "share": site.stored_bytes / decoded_bytes,
        "readers": [
            {"node": reader.node, "op_type": reader.op_type, "input_index": reader.input_index}
            for reader in site.readers
        ],
        "options": [
            {
                "technique": option.technique,
                "settings": dict(option.settings),
                "stored_bytes": option.stored_bytes,
            }
            for option in report.options
        ],
    }


def _declined_document(declined: Declined) -> dict[str, Any]:
    return {
        "name": declined.name,
        "shape": list(declined.shape),
        "stored_bytes": declined.stored_bytes,
        "reason": declined.reason,
    }
