"""Which channels of a model must share one scale, and which must keep theirs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
"""Channels by their numbers, in the shape of what holds them."""


class Unscalable(Exception):  # noqa: N818 - it decides, it reports no fault
    """Channels cannot be scaled through a node; the text says why, without naming the node."""


class Fixed(Unscalable):
    """The same where a node is not itself the reason; the text says what is."""


class ChannelSets:
    """Numbers channels, and joins those that only one common scale leaves the model as it is."""

    def __init__(self) -> None:
        """Start without a channel."""
        self._parents: list[int] = []
        self._reasons: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._parents)

    def add(self, count: int) -> Numbers:
        """Return the numbers of new channels, shape (count,)."""
        first = len(self._parents)
        self._parents.extend(range(first, first + count))
        return np.arange(first, first + count)

    def join(self, one: Numbers, other: Numbers) -> None:
        """Give channels that are added to each other one scale; arrays of the same shape."""
        for a, b in zip(one.reshape(-1).tolist(), other.reshape(-1).tolist(), strict=True):
            first, second = self._root(a), self._root(b)
            if first != second:
                self._parents[second] = first
                if second in self._reasons:
                    self._reasons.setdefault(first, self._reasons.pop(second))

    def fix(self, channels: Numbers, reason: str) -> None:
        """Keep the scale of channels as it is; of several reasons the first is kept."""
        for channel in channels.reshape(-1).tolist():
            self._reasons.setdefault(self._root(channel), reason)

    def roots(self) -> Numbers:
        """Return, for every channel, the number of the one that stands for its set."""
        return np.array([self._root(channel) for channel in range(len(self))], np.int64)

    def reason(self, channel: int) -> str | None:
        """Return why a channel keeps its scale; None if it may have any."""
        return self._reasons.get(self._root(channel))

    def _root(self, channel: int) -> int:
        while self._parents[channel] != channel:
            # Halving the path keeps later look-ups short.
            self._parents[channel] = self._parents[self._parents[channel]]
            channel = self._parents[channel]
        return channel
