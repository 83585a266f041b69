"""What `certify` shows: statements, the limits that they are held against, and their scope."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from zoo_compress.cli.meter import Meter
from zoo_compress.cli.output import write_json, write_notes
from zoo_compress.cli.summary import WIDTH, labelled
from zoo_compress.core import Certificate
from zoo_compress.pipeline import Certification
from zoo_compress.pipeline.certify import certificate_record
from zoo_compress.pipeline.limits import Limit
from zoo_compress.runtime.environment import hardware, versions
from zoo_compress.units import readable_bytes, readable_share

ASYMPTOTIC = ("asymptotic-interval", "lipschitz-risk")


def present(found: Certification, *, as_json: bool) -> None:
    """Write what was found to stdout: one JSON document, or the panel.

    Args:
        found: What was found.
        as_json: Write JSON, and the notes to stderr.
    """
    if as_json:
        write_notes(found.notes)
        write_json(as_document(found))
        return
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    console.print(panel(found))


def as_document(found: Certification) -> dict[str, Any]:
    """Return what was found as JSON values; None stands for infinity."""
    settings = found.settings
    return {
        "original": settings.original,
        "compressed": settings.compressed,
        "original_bytes": found.original_bytes,
        "compressed_bytes": found.compressed_bytes,
        "size_ratio": found.compressed_bytes / found.original_bytes,
        "identical": found.identical,
        "task": found.task,
        "distance": found.distance,
        "distance_scale": found.scale,
        "data": found.data,
        "synthetic": found.synthetic,
        "inputs": found.inputs,
        "scale_inputs": found.scale_inputs,
        "seed": settings.seed,
        "certificates": [certificate_record(certificate) for certificate in found.certificates],
        "limits": [_limit_record(limit) for limit in found.limits],
        "passed": all(limit.met for limit in found.limits) if found.limits else None,
        "scope": found.scope,
        "notes": list(found.notes),
        "versions": versions(),
        "hardware": hardware(),
    }


def panel(found: Certification) -> Panel:
    """Return the panel: sizes, statements, limits, warnings and scope."""
    exact = [c for c in found.certificates if c.kind not in ASYMPTOTIC]
    rest = [c for c in found.certificates if c.kind in ASYMPTOTIC]
    rows: list[tuple[RenderableType, RenderableType]] = [
        *((verdict(limit), claim(limit)) for limit in found.limits),
        ("Certified", statements(exact, style="bold")),
        ("Asymptotic", statements(rest, style="none")),
        *((Text("Warning", style="yellow"), Text(note, style="yellow")) for note in found.notes),
        ("Scope", Text(scope(found), style="dim")),
    ]
    against = Text(f"against {found.settings.original}\n", style="dim")
    return Panel(
        Group(against, sizes(found), labelled([row for row in rows if row[1]])),
        title=Text(found.settings.compressed, style="bold"),
        title_align="left",
        width=WIDTH,
        padding=(1, 2),
    )


def sizes(found: Certification) -> RenderableType:
    """Return both sizes, with their ratio as a bar; only the size if the files are equal."""
    if found.identical:
        return Text(f"{readable_bytes(found.original_bytes)}, identical files", style="bold")
    ratio = found.compressed_bytes / found.original_bytes
    style = "green" if ratio < 1 else "yellow"
    line = Text.assemble(
        readable_bytes(found.original_bytes),
        ("  →  ", "dim"),
        (readable_bytes(found.compressed_bytes), f"bold {style}"),
        f"   {readable_share(ratio)} of the original",
        (change(ratio), "bold"),
    )
    return Group(line, Meter(share=ratio, width=WIDTH - 6, style=style))


def change(ratio: float) -> str:
    """Return how many times smaller or larger, where that is more than rounding."""
    times = f"{max(ratio, 1 / ratio):.1f}"
    return "" if times == "1.0" else f", {times} times {'smaller' if ratio < 1 else 'larger'}"


def verdict(limit: Limit) -> Text:
    """Return `Met` or `Missed`."""
    return Text("Met", style="bold green") if limit.met else Text("Missed", style="bold red")


def claim(limit: Limit) -> Text:
    """Return the limit beside what is certified of it."""
    return Text(f"{limit.option} {limit.limit:g}: {limit.claim}")


def statements(certificates: Sequence[Certificate], *, style: str) -> Text:
    """Return one paragraph per statement."""
    return Text("\n\n").join(
        Text(certificate.statement, style=style) for certificate in certificates
    )


def scope(found: Certification) -> str:
    """Return what the statements speak of, as sentences."""
    aside = (
        f" For the distance, the first {found.scale_inputs} only set the scale."
        if found.scale_inputs
        else ""
    )
    several = " Each statement holds by itself." if len(found.certificates) > 1 else ""
    return f"{found.scope[0].upper()}{found.scope[1:]}.{aside}{several}"


def _limit_record(limit: Limit) -> dict[str, Any]:
    return {
        "option": limit.option,
        "limit": limit.limit,
        "bound": limit.bound if math.isfinite(limit.bound) else None,
        "met": limit.met,
        "claim": limit.claim,
        "needed_inputs": limit.needed,
    }
