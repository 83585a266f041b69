"""Where the time of a run goes, over all its sessions."""

from __future__ import annotations

import time
from collections.abc import Mapping

from zoo_compress.pipeline.study import Study
from zoo_compress.report.seconds import PARTS, SEARCHING, Phase
from zoo_compress.search.deadline import Clock
from zoo_compress.search.store import TrialStore

# A killed run loses what was not charged yet; a transaction costs about 20 ms.
SECONDS_BETWEEN_CHARGES = 2.0


class Spending:
    """Charges time to the parts of a run as it passes, so that a kill loses little of it."""

    def __init__(
        self, study: Study, store: TrialStore, *, began: float, clock: Clock = time.perf_counter
    ) -> None:
        """Charge what gathering the study took, and begin to count.

        Args:
            study: Its candidates and encoder count their own time.
            store: Adds the time up.
            began: Reading of the clock when the command began.
            clock: The clock.
        """
        self._study = study
        self._store = store
        self._clock = clock
        self._charged = self._readings()
        total = self._charged["total"] - began
        spent = {"calibrate": study.seconds["calibrate"], "rank": study.seconds["rank"]}
        rest = max(total - sum(spent.values()), 0.0)
        store.add_seconds(spent | {"total": total, "prepare": rest, "encode": spent["rank"]})

    def charge(self, phase: Phase) -> None:
        """Charge what has passed since the last charge to a phase."""
        now = self._readings()
        spent = {part: value - self._charged[part] for part, value in now.items()}
        total = {"total": spent["total"], phase: spent["total"]}
        self._store.add_seconds((spent if phase in SEARCHING else {}) | total)
        self._charged = now

    def charge_if_due(self, phase: Phase) -> None:
        """Charge, if the last charge was some time ago."""
        if self._clock() - self._charged["total"] >= SECONDS_BETWEEN_CHARGES:
            self.charge(phase)

    def seconds(self) -> Mapping[str, float]:
        """Return the time spent so far, by part."""
        spent = self._store.seconds()
        return {part: round(spent.get(part, 0.0), 3) for part in PARTS}

    def _readings(self) -> dict[str, float]:
        return {
            "total": self._clock(),
            "forward": self._study.candidates.seconds["forward"],
            "session": self._study.candidates.seconds["session"],
            "encode": self._study.encoder.seconds,
        }
