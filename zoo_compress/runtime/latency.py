"""What pairs of runs of a model and its original say about their speed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Pair = tuple[float, float]
"""Seconds that the original and the compressed model took."""

Verdict = Literal["slower", "faster", "alike", "unclear"]
"""What pairs of runs say; `unclear` if they are too few, or do not agree."""

FEWEST_PAIRS = 8
"""Fewer pairs than eight can all go one way by chance; see `CHANCE`."""

CHANCE = 0.01
"""Probability of as uneven a split of the pairs if both models were equally fast."""

NOISE = 0.05
"""Ratios nearer to 1 are alike, however surely they differ: nobody would choose by them."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """What runs of the original and the compressed model on the same samples took.

    Attributes:
        original_ms: Median time of a run of the original.
        compressed_ms: That of the compressed model, or whatever is compared with the original.
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
        if chance_of_split(self.slower_pairs, self.pairs) > CHANCE or lower <= 1 <= upper:
            return "unclear"
        return "slower" if lower > 1 else "faster"


def chance_of_split(part: int, whole: int) -> float:
    """Return the probability of a split at least as uneven if both sides were equally likely.

    The two-sided sign test: 2 P(Bin(whole, 1/2) <= min(part, whole - part)), at most 1.
    """
    fewest = min(part, whole - part)
    splits: int = 2 * sum(math.comb(whole, count) for count in range(fewest + 1))
    return min(1.0, splits / int(2**whole))


def latency_of(
    pairs: Sequence[Pair], openings: Sequence[Pair], *, threads: int, provider: str
) -> Latency:
    """Return medians and quartiles; quartiles are interpolated between the nearest pairs.

    Args:
        pairs: Seconds that runs of the two models took, the original's first.
        openings: The same of opening them.
        threads: Threads within an operator.
        provider: ONNX Runtime's name of the execution provider.
    """
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
