"""A horizontal bar that shows a share, also where only ASCII can be written."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True)
class Meter:
    """A bar, filled for `share` of its `width` in columns; narrower where space is short."""

    share: float
    width: int
    style: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the bar, in eighths of a column where the encoding has them."""
        width = min(self.width, options.max_width)
        full, rest = divmod(round(min(max(self.share, 0.0), 1.0) * width * 8), 8)
        if options.ascii_only:
            bar, track = "#" * full, "."
        else:
            bar, track = "█" * full + EIGHTHS[rest].strip(), "·"
        yield Text.assemble((bar, self.style), (track * (width - len(bar)), "dim"))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Return the columns that the bar needs and wants."""
        return Measurement(min(8, options.max_width), min(self.width, options.max_width))
