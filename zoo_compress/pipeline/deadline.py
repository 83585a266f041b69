"""The time limit of a command: what it is counted from, and how it is shared out."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil

from zoo_compress.pipeline.pace import Pace
from zoo_compress.search.deadline import Clock, Deadline

# Of the time until the search must end, the most that the scan may use. Half, since neither makes
# up for the other: trials correct what a short scan predicts, but each for one plan only.
SCAN_SHARE = 0.5
# A last trial may overrun the limit by this share of it, if stopping before it would end the
# command even farther from the limit. Less than the promised 5 %: estimates err.
LARGEST_OVERRUN = 0.03
TOLERANCE = 0.05


def process_start() -> float:
    """Return when this process was started, as a reading of `time.perf_counter`.

    A command's time counts from there: starting Python and importing libraries can take seconds.
    """
    return time.perf_counter() - _process_age()


def search_deadline(
    seconds: float | None, *, began: float, pace: Pace, clock: Clock = time.perf_counter
) -> Deadline | None:
    """Return when the search must end so that the command ends after `seconds`; None for None.

    Args:
        seconds: The time limit.
        began: Reading of the clock when the command began.
        pace: Predicts how long finishing will take.
        clock: The clock.
    """
    if seconds is None:
        return None
    return Deadline(
        end=began + seconds,
        slack=LARGEST_OVERRUN * seconds,
        turn=pace.measurement,
        reserve=pace.seconds_to_finish,
        clock=clock,
    )


def overrun_note(seconds: float | None, *, elapsed: float, finishing: float) -> str | None:
    """Return a note for a command that took over 5 % more time than it had, else None.

    Args:
        seconds: The time limit.
        elapsed: Seconds that the command took.
        finishing: Seconds of them after the last trial.
    """
    if seconds is None or elapsed <= (1 + TOLERANCE) * seconds:
        return None
    return (
        f"the time limit of {seconds:g} s could not be kept: preparing, scanning and searching "
        f"took {elapsed - finishing:.0f} s and writing, verifying, timing and certifying "
        f"{finishing:.0f} s"
    )


def _process_age() -> float:
    if sys.platform != "linux":
        return time.time() - psutil.Process().create_time()
    # psutil knows the time of the boot to the second only.
    fields = Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started
