"""How long a compressed model takes beside its original, on the same machine at the same time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from scipy.stats import binomtest

from zoo_compress.core import AnyArray, Feed
from zoo_compress.runtime.environment import default_threads
from zoo_compress.runtime.session import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Clock = Callable[[], float]

Verdict = Literal["slower", "faster", "alike", "unclear"]
"""What pairs of runs say; `unclear` if they are too few, or do not agree."""

SECONDS = 3.0
"""Time that a comparison takes: some 40 pairs of a model that runs in 30 ms."""

OPENING_SHARE = 1 / 3
"""Share of the time after which no model is opened again."""

MOST_OPENINGS = 3
WARM_UPS = 2
"""The first two runs of a session took up to three times as long as the later ones."""

FEWEST_PAIRS, MOST_PAIRS = 8, 200
"""Fewer pairs than eight can all go one way by chance; see `CHANCE`."""

PATIENCE = 10.0
"""Multiple of the time after which a slow model is not run again, however few its pairs are."""

CHANCE = 0.01
"""Probability of as uneven a split of the pairs if both models were equally fast."""

NOISE = 0.05
"""Ratios nearer to 1 are alike, however surely they differ: nobody would choose by them."""


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

Pair = tuple[float, float]
"""Seconds that the original and the compressed model took."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """What runs of the original and the compressed model on the same samples took.

    Attributes:
        original_ms: Median time of a run of the original.
        compressed_ms: That of the compressed model.
        ratio: Median over the pairs of the compressed model's time over the original's.
        quartiles: First and third quartile of that ratio.
        pairs: Number of pairs.
        slower_pairs: How many of them the compressed model took longer in.
        original_load_seconds: Median time to open the original.
        compressed_load_seconds: That of the compressed model, in which packed weights are decoded.
        threads: Threads within an operator; they do not spin.
        provider: ONNX Runtime's name of the execution provider.
    """

    original_ms: float
    compressed_ms: float
    ratio: float
    quartiles: tuple[float, float]
    pairs: int
    slower_pairs: int
    original_load_seconds: float
    compressed_load_seconds: float
    threads: int
    provider: str

    @property
    def verdict(self) -> Verdict:
        """Whether the compressed model is slower or faster than the original, or neither.

        With `FEWEST_PAIRS` or more, a ratio within `NOISE` of 1 is alike. Beyond that, three of
        four pairs must agree on which is faster, and more than chance allows. Of 138 comparisons
        of a model with itself, on two cores with 7 to 15 processes at work, 88 were alike, 48
        unclear and 2 wrong.
        """
        lower, upper = self.quartiles
        if self.pairs < FEWEST_PAIRS:
            return "unclear"
        if 1 / (1 + NOISE) <= self.ratio <= 1 + NOISE:
            return "alike"
        by_chance = float(binomtest(self.slower_pairs, self.pairs).pvalue) > CHANCE
        if by_chance or lower <= 1 <= upper:
            return "unclear"
        return "slower" if lower > 1 else "faster"


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
    """Time two models side by side, one sample at a time.

    Both stay open and run a sample one right after the other, in alternating order, so that what
    else the machine does meets both; the samples go round. Threads that wait sleep instead of
    spinning, as ONNX Runtime's do by default: those of one session would take the cores from the
    other. On two cores with others at work, a run took 9.5 ms so, and 22 to 50 ms with spinning.

    Opening takes up to a third of the time, running the rest. Models that are too slow for
    `FEWEST_PAIRS` pairs may take up to `PATIENCE` times as long, and those that are too slow for
    one pair what that takes. `expected_seconds` tells in advance.

    Args:
        original: The original model's file.
        compressed: The other's; it takes the same samples.
        feeds: Samples to run, at least one.
        seconds: Time for opening and running both, above 0.
        threads: Threads within an operator; all cores by default.
        opener: Opens the models; by default in a stock ONNX Runtime, on the CPU.
        clock: Tells the time in seconds.

    Raises:
        ValueError: If there is no sample.
        SourceError: If a model does not open.
    """
    if not feeds:
        raise ValueError("no sample to run")
    start = clock()
    sides = _Sides(
        (original, compressed),
        threads=threads or default_threads(),
        opener=opener or _open,
        clock=clock,
    )
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
    pairs = _repeated(
        lambda turn: sides.run(turn, feeds[turn % len(feeds)]),
        fewest=FEWEST_PAIRS,
        most=MOST_PAIRS,
        until=start + seconds,
        patience=start + PATIENCE * seconds,
        clock=clock,
    )
    return _summary(pairs, openings, threads=sides.threads, provider=sides.provider)


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
    """Original and compressed model, in turns."""

    def __init__(
        self, paths: tuple[Path, Path], *, threads: int, opener: Opener, clock: Clock
    ) -> None:
        self.threads = threads
        self._paths = paths
        self._opener = opener
        self._clock = clock
        self._sessions: dict[int, Runnable] = {}

    @property
    def provider(self) -> str:
        """Where the compressed model runs."""
        return self._sessions[1].get_providers()[0]

    def open(self, turn: int) -> Pair:
        """Open both, again if they are open."""
        return self._timed(turn, self._reopen)

    def run(self, turn: int, feed: Feed) -> Pair:
        """Run a sample through both."""
        own = dict(feed)
        return self._timed(turn, lambda side: self._sessions[side].run(None, own))

    def _timed(self, turn: int, act: Callable[[int], object]) -> Pair:
        """Let both act, the original first in every other turn."""
        took = [0.0, 0.0]
        for side in (0, 1) if turn % 2 == 0 else (1, 0):
            start = self._clock()
            act(side)
            took[side] = self._clock() - start
        return took[0], took[1]

    def _reopen(self, side: int) -> None:
        self._sessions[side] = self._opener(self._paths[side], self.threads)


def _repeated(
    act: Callable[[int], Pair],
    *,
    fewest: int,
    most: int,
    until: float,
    patience: float,
    clock: Clock,
) -> list[Pair]:
    """Act at least once, and until there is enough or no more time.

    Args:
        act: Called with the number of the turn.
        fewest: Turns to take after `until`.
        most: Turns to take before it.
        until: Reading of the clock.
        patience: Reading of the clock after which there are no more turns.
        clock: Tells the time in seconds.
    """
    pairs = [act(0)]
    while len(pairs) < most and clock() < (until if len(pairs) >= fewest else patience):
        pairs.append(act(len(pairs)))
    return pairs


def _summary(
    pairs: Sequence[Pair], openings: Sequence[Pair], *, threads: int, provider: str
) -> Latency:
    """Return medians and quartiles; quartiles are interpolated between the nearest pairs."""
    originals, others = np.array(pairs).T
    lower, ratio, upper = np.quantile(others / originals, (0.25, 0.5, 0.75))
    loads = np.median(openings, axis=0)
    return Latency(
        original_ms=1000 * float(np.median(originals)),
        compressed_ms=1000 * float(np.median(others)),
        ratio=float(ratio),
        quartiles=(float(lower), float(upper)),
        pairs=len(pairs),
        slower_pairs=int(np.sum(others > originals)),
        original_load_seconds=float(loads[0]),
        compressed_load_seconds=float(loads[1]),
        threads=threads,
        provider=provider,
    )


def _open(path: Path, threads: int) -> InferenceSession:
    return open_session(path, threads=threads, spinning=False)
