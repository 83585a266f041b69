"""Whether there is time for one more measurement."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]
"""Returns seconds since some moment, like `time.perf_counter`."""

# The next measurement takes about as long as the last few did: enough of them to even out a busy
# machine, few enough to follow a strategy whose proposals grow dearer.
REMEMBERED_TURNS = 5


def _nothing() -> float:
    return 0.0


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """When something must end, counting what is left to do after the measurements.

    Attributes:
        end: Reading of the clock at which it should end.
        slack: Seconds by which it may end later, where that is nearer to `end` than stopping now.
        turn: Seconds that a measurement takes, as long as none has been timed.
        reserve: Estimates, anew at each call, how many seconds the rest will take.
        clock: The clock.
    """

    end: float
    slack: float = 0.0
    turn: float = 0.0
    reserve: Callable[[], float] = _nothing
    clock: Clock = time.perf_counter

    @property
    def left(self) -> float:
        """Seconds that measurements may still take; negative when it is too late."""
        return self.end - self.clock() - self.reserve()

    def allows(self, seconds: float) -> bool:
        """Return whether a measurement of about so many seconds may begin."""
        left = self.left
        over = seconds - left
        return over <= 0 or (over <= self.slack and over <= left)

    def share(self, part: float) -> Deadline:
        """Return the deadline for using only a part of what is left now."""
        return Deadline(end=self.clock() + part * self.left, clock=self.clock)


class Turns:
    """Says before each measurement of a series whether there is time for it."""

    def __init__(self, deadline: Deadline | None) -> None:
        """Take the deadline; without one there is always time."""
        self._deadline = deadline
        self._began: float | None = None
        self._durations: deque[float] = deque(maxlen=REMEMBERED_TURNS)

    def another(self, *, required: bool = False) -> bool:
        """Return whether the next turn may begin; a turn lasts until the next call.

        Args:
            required: Begin it however late it is.
        """
        if self._deadline is None:
            return True
        now = self._deadline.clock()
        if self._began is not None:
            self._durations.append(now - self._began)
        self._began = now
        turns = self._durations or [self._deadline.turn]
        return required or self._deadline.allows(sum(turns) / len(turns))
