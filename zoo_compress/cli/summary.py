"""The last screen of a run."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from zoo_compress.cli.bits import bits_table
from zoo_compress.cli.meter import Meter
from zoo_compress.cli.output import write_json, write_notes
from zoo_compress.report.seconds import ACTIVITIES, PHASES, SEARCHING
from zoo_compress.units import counted, readable_bytes, readable_seconds, readable_share

Report = Mapping[str, Any]

WIDTH = 92
"""Columns of the panel: the certificate's sentence reads well, and most terminals hold it."""

VERDICTS = {
    "slower": "{ratio:.3g} times as slow as the original",
    "faster": "{ratio:.3g} of the original's time",
    "alike": "as fast as the original",
    "unclear": "not clear whether faster or slower",
}
"""What a comparison of latencies comes to."""

CARD = "README.md"


def present(report: Report, *, folder: Path, notes: Iterable[str], as_json: bool) -> None:
    """Write the result of a run to stdout: run.json itself, or the summary panel.

    Args:
        report: The content of run.json.
        folder: The run's folder.
        notes: Warnings for the user.
        as_json: Write JSON, and the notes to stderr.
    """
    if as_json:
        write_notes(notes)
        write_json(report)
        return
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    console.print(summary(report, folder=folder, notes=notes))
    # Below the panel and unwrapped, so that they can be copied.
    console.print(next_commands(report, folder), soft_wrap=True)


def summary(report: Report, *, folder: Path, notes: Iterable[str] = ()) -> Panel:
    """Return the panel: sizes, distance, speed, certificate, warnings, bits, time and files."""
    rows: list[tuple[RenderableType, RenderableType]] = [
        ("Distance", distance(report)),
        ("Speed", Text.assemble(speed(report["latency"], _opening(report)), time_budget(report))),
        ("Certified", certificate(report["certificate"])),
        *(("Removed", text) for text in removal(report.get("removal"))),
        *((Text("Warning", style="yellow"), Text(note, style="yellow")) for note in notes),
        ("Bits", bits_table(report["sites"])),
        ("Search", effort(report)),
        ("Written", written(report, folder)),
    ]
    return Panel(
        Group(sizes(report), labelled(rows)),
        title=Text(report["source"], style="bold"),
        title_align="left",
        width=WIDTH,
        padding=(1, 2),
    )


def labelled(rows: Iterable[tuple[RenderableType, RenderableType]]) -> Table:
    """Return the rows with their labels at the left and a blank line before each."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in rows:
        table.add_row()
        table.add_row(label, value)
    return table


def sizes(report: Report) -> RenderableType:
    """Return original and compressed size, with the ratio as a bar."""
    ratio = report["size_ratio"]
    line = Text.assemble(
        readable_bytes(report["original_bytes"]),
        ("  →  ", "dim"),
        (readable_bytes(report["compressed_bytes"]), "bold green"),
        f"   {readable_share(ratio)} of the original, ",
        (f"{1 / ratio:.1f} times smaller", "bold"),
        (f"   budget {report['budget']}", "dim"),
    )
    return Group(line, Meter(share=ratio, width=WIDTH - 6, style="green"))


def distance(report: Report) -> Text:
    """Return the distance of the outputs, relative and as measured, with standard errors."""
    measured, error = report["distance"], report["distance_standard_error"]
    relative = report["relative_distance"]
    absolute = (
        f"squared L2 {measured:.3g} ± {error:.2g} (standard error), mean over "
        f"{counted(report['search_inputs'], 'search input')}"
    )
    if relative is None:
        return Text(f"{absolute}; the original's outputs do not vary", style="bold")
    relative_error = relative * error / measured if measured else 0.0
    return Text.assemble(
        (f"{relative:.3g} ± {relative_error:.2g}", "bold"),
        " of the variance of the original's outputs\n",
        (absolute, "dim"),
        uniform(report),
    )


def uniform(report: Report) -> Text:
    """Return how much closer the plan is than one option for every weight that has it."""
    found = report.get("uniform")
    if not found or not found["distance"] or not report["distance"]:
        return Text()
    count, every = found["weights"], found["all_weights"]
    which = "every weight" if count == every else f"the {count} of {every} weights that have it"
    return Text.assemble(
        "\n",
        (f"{found['distance'] / report['distance']:.3g} times closer", "bold"),
        f" than {found['option']} for {which}, at {readable_share(found['size_ratio'])}",
    )


def speed(found: Mapping[str, Any], opening_bytes: int | None = None) -> Text:
    """Return how long the model takes beside the original, to run and to load.

    Args:
        found: What was measured.
        opening_bytes: The most memory that opening the model takes, if that is known.
    """
    lower, upper = found["quartiles"]
    times = "{compressed_ms:.3g} ms for an input, the original {original_ms:.3g} ms"
    loads = "{compressed_load_seconds:.2g} s, the original in {original_load_seconds:.2g} s"
    if opening_bytes is not None:
        loads += f"; opening it takes up to {readable_bytes(opening_bytes)} of memory"
    return Text.assemble(
        (VERDICTS[found["verdict"]].format(**found), "bold"),
        f": {times.format(**found)}\n",
        (
            f"Ratio {found['ratio']:.3g}, middle half {lower:.3g} to {upper:.3g} of "
            f"{counted(found['pairs'], 'pair')} of runs side by side with {found['provider']}, "
            f"{counted(found['threads'], 'thread')} without spinning; "
            f"loads in {loads.format(**found)}.",
            "dim",
        ),
    )


def _opening(report: Report) -> int | None:
    """Return the memory that opening the model takes; runs of earlier versions do not say."""
    found: int | None = report.get("gate", {}).get("opening_bytes")
    return found


def time_budget(report: Report) -> Text:
    """Return whether the model keeps its budget of latency, and what else was timed for it."""
    found = report.get("latency_budget")
    if not found:
        return Text()
    kept = "within" if found["met"] else "misses"
    return Text.assemble(
        "\n",
        (
            f"{kept} the budget of {found['budget']:.4g} of the original's time",
            "bold green" if found["met"] else "bold red",
        ),
        (
            f"; {counted(len(found['models']), 'whole model')} and "
            f"{counted(found['timed_options'], 'option')} of single weights were timed for it",
            "dim",
        ),
    )


def removal(found: Mapping[str, Any] | None) -> Iterable[Text]:
    """Yield what was removed from the graph, if anything was."""
    if found:
        counts = found["counts"].items()
        parts = (f"{count['removed']} of {count['of']} {kind}" for kind, count in counts)
        how = "other weights make up for it" if found["compensated"] else "nothing makes up for it"
        yield Text.assemble((", ".join(parts), "bold"), f"; {how}")


def certificate(found: Mapping[str, Any] | None) -> Text:
    """Return the certificate's claim and, set apart from it, its scope."""
    if found is None:
        return Text("nothing: no inputs were left to certify on", style="yellow")
    return Text.assemble((found["statement"], "bold"), "\n", (f"Scope: {found['scope']}.", "dim"))


def effort(report: Report) -> Text:
    """Return how many plans were measured, by whom, and where the time went."""
    seconds = report["seconds"]
    phases = [f"{phase} {readable_seconds(seconds[phase])}" for phase in PHASES]
    searching = sum(seconds[phase] for phase in SEARCHING)
    parts = [f"{part} {readable_seconds(seconds[part])}" for part in ACTIVITIES]
    share = seconds["forward"] / searching if searching else 0.0
    return Text.assemble(
        f"{counted(report['evaluations'], 'evaluation')} with {report['strategy']}, "
        f"seed {report['seed']}, in ",
        (readable_seconds(seconds["total"]), "bold"),
        ("\n" + " · ".join(phases), "dim"),
        ("\nof " + ", ".join(SEARCHING) + ": " + " · ".join(parts), "dim"),
        (f", {readable_share(share)} of it forward passes", "dim"),
    )


def written(report: Report, folder: Path) -> Table:
    """Return the files of the run that a reader looks for, each with what it is."""
    files = {
        located(folder, report["model_path"]): "the model, for any ONNX Runtime",
        located(folder, report["plan_path"]): "how each weight is stored",
        located(folder, "run.json"): "all figures",
        located(folder, CARD): "model card",
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(style="dim")
    for path, meaning in files.items():
        if path.exists() or path.name != CARD:
            table.add_row(Text(str(path)), meaning)
    return table


def next_commands(report: Report, folder: Path) -> Text:
    """Return commands that a reader can paste: look closer, make the file again, go on."""
    plan = located(folder, report["plan_path"])
    commands: Sequence[Sequence[str]] = (
        ("inspect", report["source"]),
        ("apply", report["source"], "--plan", str(plan), "--out", "again.onnx"),
        ("resume", str(shown(folder)), "--time", "5m"),
        ("push", str(shown(folder)), "OWNER/NAME", "--dry-run"),
    )
    lines = "\n".join(f"  zoo-compress {shlex.join(command)}" for command in commands)
    return Text.assemble(("Next\n", "cyan"), lines)


def located(folder: Path, path: str) -> Path:
    """Return where a file of the run is, for a path that may be relative to the run's folder."""
    inside = folder / path
    return shown(inside if inside.exists() or not Path(path).exists() else Path(path))


def shown(path: Path) -> Path:
    """Return a path relative to the working folder where it lies below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path
