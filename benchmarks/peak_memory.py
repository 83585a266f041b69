"""The most memory that a command and the processes that it starts hold at one time."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS_BETWEEN_LOOKS = 0.02
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Ran:
    """A command that has ended.

    Attributes:
        output: What it printed.
        seconds: How long it took.
        early_bytes: The most resident memory of all its processes before the mark.
        late_bytes: The same from then on.
    """

    output: str
    seconds: float
    early_bytes: int
    late_bytes: int


def run_measured(command: Sequence[str], log: Path, *, mark: Path) -> Ran:
    """Run a command to its end, looking at its memory every few milliseconds.

    Args:
        command: The command.
        log: Takes what it prints.
        mark: What it makes when its last part begins.

    Raises:
        RuntimeError: If it fails; the message has what it printed last.
    """
    start, most = time.perf_counter(), [0, 0]
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        while True:
            late = int(bool(most[1]) or mark.exists())
            most[late] = max(most[late], sum(_resident(pid) for pid in _tree(process.pid)))
            if process.poll() is not None:
                break
            time.sleep(SECONDS_BETWEEN_LOOKS)
    output = log.read_text("utf-8", errors="replace")
    if process.returncode:
        last = f"ended with {process.returncode}: {output[-800:]}"
        raise RuntimeError(f"{' '.join(command)}\n{last}")
    return Ran(output, time.perf_counter() - start, *most)


def _tree(pid: int) -> Iterator[int]:
    """Yield a process and all that it has started, as far as they are there."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = [int(child) for child in children.read_text().split()]
        except OSError:
            continue
        for child in found:
            yield from _tree(child)


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0
