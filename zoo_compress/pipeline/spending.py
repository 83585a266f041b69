"""Where the time of a run goes, over all its sessions."""

from __future__ import annotations

import time
from collections.abc import Mapping

from zoo_compress.pipeline.study import Study
from zoo_compress.search.deadline import Clock
from zoo_compress.search.store import TrialStore

PARTS = ("total", "scan", "forward", "encode", "propose")
# A killed run loses what was not charged yet; a transaction costs about 20 ms.
SECONDS_BETWEEN_CHARGES = 2.0


class Spending:
    """Charges time to the parts of a run as it passes, so that a kill loses little of it."""

    def __init__(
        self, study: Study, store: TrialStore, *, began: float, clock: Clock = time.perf_counter
    ) -> None:
        """Take what tells the time spent, and the store that adds it up.

        Args:
            study: Its candidates and encoder count their own time.
            store: The store.
            began: Reading of the clock when the command began.
            clock: The clock.
        """
        self._study = study
        self._store = store
        self._clock = clock
        self._charged: dict[str, float] = {"total": began}

    def charge(self, *, scan: bool = False) -> None:
        """Charge what has passed since the last charge.

        Args:
            scan: Whether it was spent on the scan.
        """
        now = self._readings()
        spent = {part: value - self._charged.get(part, 0.0) for part, value in now.items()}
        self._store.add_seconds(spent | ({"scan": spent["total"]} if scan else {}))
        self._charged = now

    def charge_if_due(self, *, scan: bool = False) -> None:
        """Charge, if the last charge was some time ago."""
        if self._clock() - self._charged["total"] >= SECONDS_BETWEEN_CHARGES:
            self.charge(scan=scan)

    def seconds(self) -> Mapping[str, float]:
        """Return the time spent so far, by part."""
        spent = self._store.seconds()
        return {part: round(spent.get(part, 0.0), 3) for part in PARTS}

    def _readings(self) -> dict[str, float]:
        return {
            "total": self._clock(),
            "forward": self._study.candidates.seconds["forward"],
            "encode": self._study.encoder.seconds,
        }
