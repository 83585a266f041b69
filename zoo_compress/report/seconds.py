"""What the time of a run is divided into, in `run.json` and on the screen."""

from __future__ import annotations

from typing import Literal

Phase = Literal["prepare", "calibrate", "rank", "scan", "search", "finish"]
"""What a run does, one after the other: fetch the model and get it ready, run the calibration
inputs, rank the options of each weight, scan, search, and write, verify, time and certify."""

PHASES: tuple[Phase, ...] = ("prepare", "calibrate", "rank", "scan", "search", "finish")
SEARCHING: tuple[Phase, ...] = ("rank", "scan", "search")
"""The phases whose time goes into `ACTIVITIES`, and little besides."""
ACTIVITIES = ("forward", "session", "encode", "propose")
PARTS = ("total", *PHASES, *ACTIVITIES)
