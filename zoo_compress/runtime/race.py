"""Time models beside each other, on the same machine at the same time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zoo_compress.core import AnyArray, Feed
from zoo_compress.runtime.environment import default_threads
from zoo_compress.runtime.latency import FEWEST_PAIRS, Latency, latency_of
from zoo_compress.runtime.memory import give_back
from zoo_compress.runtime.session import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Clock = Callable[[], float]

Turn = tuple[float, ...]
"""Seconds that each of the models took."""

SECONDS = 3.0
"""Time that a comparison takes: some 40 pairs of a model that runs in 30 ms."""

OPENING_SHARE = 1 / 3
"""Share of the time after which no model is opened again."""

MOST_OPENINGS = 3
WARM_UPS = 2
"""The first two runs of a session took up to three times as long as the later ones."""

MOST_PAIRS = 200
"""After so many the median of a quick model does not move any more."""

PATIENCE = 10.0
"""Multiple of the time after which a slow model is not run again, however few its pairs are."""


class Runnable(Protocol):
    """What a comparison needs of a session."""

    def run(self, output_names: None, feed: dict[str, AnyArray], /) -> object:
        """Run one sample."""
        ...

    def get_providers(self) -> list[str]:
        """Return the execution providers, the preferred one first."""
        ...


Opener = Callable[[Path, int], Runnable]
"""Opens a model file, to run with so many threads."""


def compare_latency(
    original: Path,
    compressed: Path,
    feeds: Sequence[Feed],
    *,
    seconds: float = SECONDS,
    threads: int | None = None,
    opener: Opener | None = None,
    clock: Clock = time.perf_counter,
) -> Latency:
    """Time two models side by side, one sample at a time; this is `race` for two.

    Raises:
        ValueError: If there is no sample.
        SourceError: If a model does not open.
    """
    _, found = race(
        (original, compressed),
        feeds,
        seconds=seconds,
        threads=threads,
        opener=opener,
        clock=clock,
    )
    return found


def race(
    paths: Sequence[Path],
    feeds: Sequence[Feed],
    *,
    seconds: float = SECONDS,
    threads: int | None = None,
    opener: Opener | None = None,
    clock: Clock = time.perf_counter,
) -> tuple[Latency, ...]:
    """Time models side by side, one sample at a time; each is compared with the first.

    All stay open and run a sample one right after the other, another one first each time, so that
    what else the machine does meets all; the samples go round. Threads that wait sleep instead of
    spinning, as ONNX Runtime's do by default: those of one session would take the cores from the
    others. On two cores with others at work, a run took 9.5 ms so, and 22 to 50 ms with spinning.

    Opening takes up to a third of the time, running the rest. Models that are too slow for
    `FEWEST_PAIRS` turns may take up to `PATIENCE` times as long, and those that are too slow for
    one turn what that takes. `expected_seconds` tells in advance.

    Args:
        paths: The models' files, at least one; they take the same samples.
        feeds: Samples to run, at least one.
        seconds: Time for opening and running all, above 0.
        threads: Threads within an operator; all cores by default.
        opener: Opens the models; by default in a stock ONNX Runtime, on the CPU.
        clock: Tells the time in seconds.

    Returns:
        One `Latency` for each model, whose `original` is the first: its own ratio is 1.

    Raises:
        ValueError: If there is no model or no sample.
        SourceError: If a model does not open.
    """
    workers = threads or default_threads()
    return take_turns(
        [partial(opener or _open, path, workers) for path in paths],
        feeds,
        threads=workers,
        seconds=seconds,
        clock=clock,
    )


def take_turns(
    openers: Sequence[Callable[[], Runnable]],
    feeds: Sequence[Feed],
    *,
    threads: int,
    seconds: float = SECONDS,
    clock: Clock = time.perf_counter,
) -> tuple[Latency, ...]:
    """Time what openers open, as `race` does.

    Args:
        openers: Each opens a model.
        feeds: Samples to run, at least one.
        threads: Threads within an operator that they open models with.
        seconds: Time for opening and running all, above 0.
        clock: Tells the time in seconds.

    Raises:
        ValueError: If there is no model or no sample.
    """
    if not feeds or not openers:
        raise ValueError(f"no {'sample' if openers else 'model'} to run")
    start = clock()
    sides = _Sides(tuple(openers), clock=clock)
    openings = _repeated(
        sides.open,
        fewest=1,
        most=MOST_OPENINGS,
        until=start + OPENING_SHARE * seconds,
        patience=start + OPENING_SHARE * seconds,
        clock=clock,
    )
    for turn in range(WARM_UPS):
        sides.run(turn, feeds[0])
    turns = _repeated(
        lambda turn: sides.run(turn, feeds[turn % len(feeds)]),
        fewest=FEWEST_PAIRS,
        most=MOST_PAIRS,
        until=start + seconds,
        patience=start + PATIENCE * seconds,
        clock=clock,
    )
    return tuple(
        latency_of(
            [(turn[0], turn[side]) for turn in turns],
            [(opening[0], opening[side]) for opening in openings],
            threads=threads,
            provider=sides.provider(side),
        )
        for side in range(len(openers))
    )


def expected_seconds(*, opening: float, pair: float, seconds: float = SECONDS) -> float:
    """Return how long a comparison takes.

    Args:
        opening: Seconds to open both models.
        pair: Seconds to run both on a sample.
        seconds: As for `compare_latency`.
    """
    fitting = math.ceil(OPENING_SHARE * seconds / opening) if opening else MOST_OPENINGS
    opened = min(fitting, MOST_OPENINGS) * opening
    shortest, longest = ((WARM_UPS + pairs) * pair for pairs in (FEWEST_PAIRS, MOST_PAIRS))
    wanted = min(max(seconds - opened, shortest), longest)
    patient = max(PATIENCE * seconds - opened, (WARM_UPS + 1) * pair)
    return opened + min(wanted, patient)


class _Sides:
    """The models, in turns."""

    def __init__(self, openers: tuple[Callable[[], Runnable], ...], *, clock: Clock) -> None:
        self._openers = openers
        self._clock = clock
        self._sessions: dict[int, Runnable] = {}

    def provider(self, side: int) -> str:
        """Where a model runs."""
        return self._sessions[side].get_providers()[0]

    def open(self, turn: int) -> Turn:
        """Open all, again if they are open."""
        return self._timed(turn, self._reopen)

    def run(self, turn: int, feed: Feed) -> Turn:
        """Run a sample through all."""
        own = dict(feed)
        return self._timed(turn, lambda side: self._sessions[side].run(None, own))

    def _timed(self, turn: int, act: Callable[[int], object]) -> Turn:
        """Let all act; with each turn the next one begins."""
        count = len(self._openers)
        took = [0.0] * count
        for side in ((turn + step) % count for step in range(count)):
            start = self._clock()
            act(side)
            took[side] = self._clock() - start
        return tuple(took)

    def _reopen(self, side: int) -> None:
        # Before, not after: a large model does not fit twice.
        self._sessions.pop(side, None)
        give_back()
        self._sessions[side] = self._openers[side]()


def _repeated(
    act: Callable[[int], Turn],
    *,
    fewest: int,
    most: int,
    until: float,
    patience: float,
    clock: Clock,
) -> list[Turn]:
    """Act at least once, and until there is enough or no more time.

    Args:
        act: Called with the number of the turn.
        fewest: Turns to take after `until`.
        most: Turns to take before it.
        until: Reading of the clock.
        patience: Reading of the clock after which there are no more turns.
        clock: Tells the time in seconds.
    """
    turns = [act(0)]
    while len(turns) < most and clock() < (until if len(turns) >= fewest else patience):
        turns.append(act(len(turns)))
    return turns


def _open(path: Path, threads: int) -> InferenceSession:
    return open_session(path, threads=threads, spinning=False)
