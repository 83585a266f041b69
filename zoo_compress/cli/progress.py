"""Progress bars on stderr, one per stage of a run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from zoo_compress import core
from zoo_compress.cli.output import stdout_kept_clean
from zoo_compress.units import readable_bytes

STAGES = {
    "pull": "Fetch the model",
    "export": "Export to ONNX",
    "prepare": "Prepare the graph",
    "remove": "Choose what to remove",
    "calibrate": "Look at the inputs of weights",
    "time": "Time each weight",
    "scan": "Measure each weight",
    "search": "Search",
    "write": "Write the model",
    "gate": "Verify the file",
    "latency": "Time models",
    "certify": "Certify",
    "diagnose": "Measure plans",
    "draw": "Draw the figures",
    "push": "Push to the Hub",
}


IN_BYTES = {"pull"}
"""Stages whose steps are bytes."""


class StepsColumn(ProgressColumn):
    """Steps done and planned, empty while the plan is unknown."""

    def render(self, task: Task) -> Text:
        """Return `12/60` or `1.20 MB/46.7 MB`."""
        if not task.total:
            return Text("")
        written = readable_bytes if task.fields["in_bytes"] else "{:.0f}".format
        return Text(f"{written(task.completed)}/{written(task.total)}", "green")


class StageBars:
    """Shows `core.Progress` reports; a context manager that is called with each report.

    Nothing is shown when stderr is not a terminal.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._bars = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description:<20}"),
            BarColumn(bar_width=24),
            StepsColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}", style="dim", markup=False),
            console=console or Console(stderr=True),
            disable=console is None and not sys.stderr.isatty(),
        )
        self._tasks: dict[str, TaskID] = {}
        self._current: str | None = None

    def __enter__(self) -> StageBars:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None and self._current is not None:
            self._finish(self._current)
        self._bars.stop()

    def __call__(self, report: core.Progress) -> None:
        """Move the bar of the report's stage; a new stage finishes the one before."""
        if self._current not in (None, report.stage):
            self._finish(self._current)
        self._current = report.stage
        self._bars.update(
            self._task(report.stage),
            completed=report.done,
            total=report.total,
            detail=report.detail,
        )

    def _task(self, stage: str) -> TaskID:
        if stage not in self._tasks:
            label = STAGES.get(stage, stage.capitalize())
            self._tasks[stage] = self._bars.add_task(
                label, total=None, detail="", in_bytes=stage in IN_BYTES
            )
        return self._tasks[stage]

    def _finish(self, stage: str) -> None:
        """Stop a bar's clock at what it has done: a search may end before its last trial."""
        task = next(task for task in self._bars.tasks if task.id == self._tasks[stage])
        self._bars.update(task.id, total=task.completed)


@contextlib.contextmanager
def working() -> Iterator[core.ProgressCallback]:
    """Show progress on stderr while a command works; stdout stays free for its result."""
    with stdout_kept_clean(), StageBars() as progress:
        yield progress
