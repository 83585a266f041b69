"""Results of the comparison with peers, and the table and sentences that are made of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from cases import answer_text
from own_files import AS_FAST_AS_RIVAL, LARGEST_MATCHED, OURS, TOOLS

STATIC = ("ONNX Runtime", "static int8, per channel")
FAST = ("cpu-speed", f"cpu-speed{AS_FAST_AS_RIVAL}")
GOAL_OF_DISTANCE, GOAL_BESIDE_STATIC = 0.1, 0.5
# Faster by less than the spread of such ratios between two runs is as fast.
AS_FAST = 1.05


@dataclass(frozen=True)
class Result:
    """One file, judged on inputs that nothing saw; what was not measured is None.

    `written` and `ratio` are sizes as shares of the original's, as written and without what
    nothing reads; `answer` is a disagreement, for embeddings a mean cosine, for text the edits;
    `latency` is relative to float32 on two threads, with quartiles, `processor` the time of the
    processor on one.
    """

    model: str
    tool: str
    setting: str
    version: str | None = None
    seconds: float | None = None
    peak_bytes: int | None = None
    written: float | None = None
    ratio: float | None = None
    relative: float | None = None
    answer: float | None = None
    inputs: int | None = None
    latency: float | None = None
    quartiles: tuple[float, float] | None = None
    processor: float | None = None
    failure: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is a file of zoo-compress, by its own search."""
        return self.tool == OURS

    @property
    def size(self) -> float:
        """The size that counts; without a file that is infinite."""
        return np.inf if self.ratio is None else self.ratio


def print_table(results: Sequence[Result]) -> None:
    """Print a table in Markdown for each model, and which goals are met."""
    for model in dict.fromkeys(result.model for result in results):
        case = [result for result in results if result.model == model]
        inputs = next((r.inputs for r in case if r.inputs), 0)
        print(f"\n{model}, {inputs} inputs that nothing saw\n")
        print(
            "| tool | setting | R | relative L | answers | latency | processor | made in | "
            "our L there |"
        )
        print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
        for result in sorted(case, key=lambda r: (r.size, r.relative or 0.0)):
            print("| " + " | ".join(_cells(result, case)) + " |")
        print()
        for line in _verdicts(case):
            print(line)


def _cells(result: Result, case: Sequence[Result]) -> list[str]:
    setting = result.setting
    if result.tool in TOOLS.values():
        # The size that it was made for is in the next cell.
        setting = re.sub(r", \d+ bytes$", "", setting)
    name = [f"**{result.tool}**" if result.is_ours else result.tool, setting]
    seconds = "" if result.seconds is None else f"{result.seconds:.0f} s"
    if result.relative is None or result.failure is not None:
        size = "" if result.ratio is None else _size(result)
        return [*name, size, f"fails: {_short(result.failure)}", "", "", "", seconds, ""]
    low, high = result.quartiles or (np.nan, np.nan)
    share = None if result.is_ours else _our_share(result, case)
    return [
        *name,
        _size(result),
        f"{result.relative:.3g}",
        answer_text(result.model, result.answer or 0.0),
        f"{result.latency:.2f} ({low:.2f} to {high:.2f})",
        f"{result.processor:.2f}",
        seconds,
        "" if share is None else f"{share:.2g}",
    ]


def _size(result: Result) -> str:
    text = f"{result.ratio:.3f}"
    if result.written is not None and result.written > 1.01 * result.size:
        text += f" (as written {result.written:.2f})"
    return text


def _short(failure: str | None) -> str:
    return (failure or "not measured").replace("|", "/")[:90]


def _our_share(result: Result, case: Iterable[Result]) -> float | None:
    """Return our least distance in no more bytes, over this one; None if there is no such file."""
    ours = [r.relative for r in case if r.is_ours and r.relative and r.size <= result.size]
    return min(ours) / result.relative if ours and result.relative else None


def _verdicts(case: Sequence[Result]) -> Iterable[str]:
    peers = [
        r
        for r in case
        if r.tool not in TOOLS.values() and r.relative is not None and r.size < LARGEST_MATCHED
    ]
    shares = [(share, r) for r in peers if (share := _our_share(r, case)) is not None]
    if shares:
        most, worst = max(shares, key=lambda pair: pair[0])
        met = sum(share <= GOAL_OF_DISTANCE for share, _ in shares)
        yield (
            f"At most {GOAL_OF_DISTANCE:g} of a peer's distance in no more bytes: beside {met} of "
            f"{len(shares)} files; the most is {most:.2g}, beside {worst.tool}, {worst.setting}."
        )
    named = {(r.tool, r.setting): r for r in case if r.relative is not None}
    for setting in FAST:
        if STATIC not in named or (OURS, setting) not in named:
            continue
        static, fast = named[STATIC], named[OURS, setting]
        share, pace = fast.relative / static.relative, fast.latency / static.latency
        met = share <= GOAL_BESIDE_STATIC and pace <= AS_FAST
        yield (
            f"{setting} beside static int8 per channel: {share:.2g} of its distance, "
            f"{pace:.2f} of its time: {'met' if met else 'MISSED'}."
        )
