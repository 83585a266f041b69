"""How the bits of a plan spread over the weights, as a small bar picture."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table

from zoo_compress.cli.meter import Meter
from zoo_compress.units import counted, readable_bytes

SiteEntry = Mapping[str, Any]

BAR_WIDTH = 28
DECLARED_BITS = re.compile(r"\bbits\W{1,4}(\d+)")


def bits_table(sites: Iterable[SiteEntry]) -> Table:
    """Return one row per width: the bar of its share of all weights, its sites and bytes.

    Args:
        sites: The entries `sites` of run.json.
    """
    widths: dict[str, list[SiteEntry]] = {}
    for site in sorted(sites, key=bits_per_weight):
        widths.setdefault(width_label(site), []).append(site)
    weights = sum(_elements(group) for group in widths.values())
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for _ in range(3):
        table.add_column(justify="right", no_wrap=True)
    for label, group in widths.items():
        share = _elements(group) / weights
        stored = sum(site["stored_bytes"] for site in group)
        table.add_row(
            label,
            Meter(share=share, width=BAR_WIDTH, style="cyan"),
            counted(len(group), "site"),
            f"{share:.0%} of weights",
            readable_bytes(stored),
        )
    return table


def bits_per_weight(site: SiteEntry) -> float:
    """Return the width that the option declares, else what the stored bytes come to."""
    declared = DECLARED_BITS.search(str(site["option"] or ""))
    if declared:
        return float(declared.group(1))
    return 8 * float(site["stored_bytes"]) / max(math.prod(site["shape"]), 1)


def width_label(site: SiteEntry) -> str:
    """Return the row of a site: `4 bits`, or `as it was` for one that no technique changed."""
    return f"{bits_per_weight(site):.0f} bits" if site["option"] else "as it was"


def _elements(group: Sequence[SiteEntry]) -> int:
    return sum(math.prod(site["shape"]) for site in group)
