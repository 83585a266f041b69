"""How long the parts of a run take, by what has been measured of them so far."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from zoo_compress.runtime.race import SECONDS, expected_seconds

# A new Python that opens the model, until it has been tried on this machine.
SECONDS_TO_START = 2.0
# Drawing and rendering the card, writing the report and leaving Python.
SECONDS_TO_CLOSE = 3.5
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
    a fresh process, the file, times the original and the file side by side, and runs the
    certification inputs through both.

    Attributes:
        writing: Seconds that writing a model took the last time.
    """

    def __init__(
        self,
        first: Lap,
        *,
        search_inputs: int,
        certification_inputs: int,
        latency_seconds: float = SECONDS,
    ) -> None:
        """Take what is known before the first measurement.

        Args:
            first: What the original took.
            search_inputs: Number of inputs that a measurement runs.
            certification_inputs: Number of inputs that the certificate runs.
            latency_seconds: Time that is kept for comparing latencies.
        """
        self._laps = deque([first], maxlen=REMEMBERED_LAPS)
        self._search_inputs = search_inputs
        self._certification_inputs = certification_inputs
        self._latency_seconds = latency_seconds
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
        """Return how long writing, verifying, timing and certifying will take."""
        lap = self._mean()
        gate = 2 * lap.session + 3 * lap.forward + self._starting
        certificate = self._opening + self._certification_inputs * self._pair(lap)
        return self.writing + gate + self._timing(lap) + certificate + SECONDS_TO_CLOSE

    def _pair(self, lap: Lap) -> float:
        """Seconds to run and compare a sample with both models."""
        if self._forwards_in_pair is None:
            return (2 * lap.forward + lap.rest) / self._search_inputs
        return self._forwards_in_pair * lap.forward / self._search_inputs

    def _timing(self, lap: Lap) -> float:
        """Seconds to compare the latencies."""
        return expected_seconds(
            opening=self._opening, pair=self._pair(lap), seconds=self._latency_seconds
        )

    def _mean(self) -> Lap:
        count = len(self._laps)
        return Lap(
            session=sum(lap.session for lap in self._laps) / count,
            forward=sum(lap.forward for lap in self._laps) / count,
            rest=sum(lap.rest for lap in self._laps) / count,
        )
