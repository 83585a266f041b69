"""Durations on the command line: `90`, `90s`, `5m`, `1h30m`."""

from __future__ import annotations

import re

import click

PATTERN = re.compile(
    r"(?:(?P<bare>[0-9]+(?:\.[0-9]+)?)|"
    r"(?:(?P<h>[0-9]+(?:\.[0-9]+)?)h)?"
    r"(?:(?P<m>[0-9]+(?:\.[0-9]+)?)m)?"
    r"(?:(?P<s>[0-9]+(?:\.[0-9]+)?)s)?)"
)
SECONDS = {"bare": 1, "s": 1, "m": 60, "h": 3600}


class Duration(click.ParamType[float]):
    """A length of time, handed to the command in seconds."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds in `value`, or fail with a usage error that names it."""
        match = PATTERN.fullmatch(str(value).strip().lower())
        parts = match.groupdict(default="0") if match else {}
        seconds = sum(float(parts[unit]) * factor for unit, factor in SECONDS.items() if parts)
        if seconds <= 0:
            self.fail(f"{value!r} is not a duration; write 90, 90s, 5m or 1h30m", param, ctx)
        return seconds
