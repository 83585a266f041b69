"""How long the parts of a run take, by what has been measured of them so far."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

# A new Python that opens the model, until it has been tried on this machine.
SECONDS_TO_START = 2.0
# Rendering the card, writing the report and leaving Python.
SECONDS_TO_CLOSE = 1.0
# The last measurements tell best how busy the machine is now.
REMEMBERED_LAPS = 5


@dataclass(frozen=True, kw_only=True)
class Lap:
    """Seconds that one measurement of all search inputs took.

    Attributes:
        session: To open the model.
        forward: To run it.
        rest: For everything else: to encode weights and to compare outputs.
    """

    session: float
    forward: float
    rest: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """Seconds that the parts of finishing took when they were tried.

    Attributes:
        writing: To write a model.
        starting: To get the first sample out of it in a fresh process.
        opening: To get the first pair of samples out of it and the original.
        pair: To run one more pair and compare it.
    """

    writing: float
    starting: float
    opening: float
    pair: float


class Pace:
    """Predicts how long it takes to finish a run once its search has ended.

    Finishing writes the model, runs the search inputs through the candidate, the original and, in
    a fresh process, the file, and the certification inputs through the original and the file.

    Attributes:
        writing: Seconds that writing a model took the last time.
    """

    def __init__(self, first: Lap, *, search_inputs: int, certification_inputs: int) -> None:
        """Take what is known before the first measurement.

        Args:
            first: What the original took.
            search_inputs: Number of inputs that a measurement runs.
            certification_inputs: Number of inputs that the certificate runs.
        """
        self._laps = deque([first], maxlen=REMEMBERED_LAPS)
        self._search_inputs = search_inputs
        self._certification_inputs = certification_inputs
        self._starting = SECONDS_TO_START
        self._opening = 2 * first.session
        self._forwards_in_pair: float | None = None
        self.writing = 0.0

    def learn(self, lap: Lap) -> None:
        """Take in a measurement."""
        self._laps.append(lap)

    def adopt(self, tried: Rehearsal) -> None:
        """Take in a rehearsal; a pair is remembered as a multiple of the forward at the time."""
        self.writing = tried.writing
        self._starting, self._opening = tried.starting, tried.opening
        forward = self._mean().forward / self._search_inputs
        self._forwards_in_pair = tried.pair / forward if forward else None

    @property
    def measurement(self) -> float:
        """Seconds that a measurement takes."""
        lap = self._mean()
        return lap.session + lap.forward + lap.rest

    def seconds_to_finish(self) -> float:
        """Return how long writing, verifying and certifying will take."""
        lap = self._mean()
        gate = 2 * lap.session + 3 * lap.forward + self._starting
        pairs = self._certification_inputs / self._search_inputs
        if self._forwards_in_pair is None:
            certificate = pairs * (2 * lap.forward + lap.rest)
        else:
            certificate = pairs * self._forwards_in_pair * lap.forward
        return self.writing + gate + self._opening + certificate + SECONDS_TO_CLOSE

    def _mean(self) -> Lap:
        count = len(self._laps)
        return Lap(
            session=sum(lap.session for lap in self._laps) / count,
            forward=sum(lap.forward for lap in self._laps) / count,
            rest=sum(lap.rest for lap in self._laps) / count,
        )
