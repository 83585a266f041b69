"""Where the time of a run goes, over all its sessions."""

from __future__ import annotations

import time
from collections.abc import Mapping

from zoo_compress.pipeline.study import Study
from zoo_compress.search.deadline import Clock
from zoo_compress.search.store import TrialStore

STAGES = ("prepare", "calibrate", "thin", "scan", "search", "finish")
"""What follows each other in a run; together they take nearly all of its time."""
PARTS = ("total", *STAGES, "session", "forward", "encode", "propose")
"""The last four are spent within the stages."""
# A killed run loses what was not charged yet; a transaction costs about 20 ms.
SECONDS_BETWEEN_CHARGES = 2.0


class Spending:
    """Charges time to the parts of a run as it passes, so that a kill loses little of it."""

    def __init__(
        self, study: Study, store: TrialStore, *, began: float, clock: Clock = time.perf_counter
    ) -> None:
        """Take what tells the time spent, and the store that adds it up.

        Args:
            study: Its building, candidates and encoder count their own time.
            store: The store.
            began: Reading of the clock when the command began.
            clock: The clock.
        """
        self._study = study
        self._store = store
        self._clock = clock
        self._charged: dict[str, float] = {"total": began}

    def charge(self, *, stage: str | None = None) -> None:
        """Charge what has passed since the last charge.

        Args:
            stage: The one of `STAGES` that it was spent on; None where the parts know it.
        """
        now = self._readings()
        spent = {part: value - self._charged.get(part, 0.0) for part, value in now.items()}
        self._store.add_seconds(spent | ({stage: spent["total"]} if stage else {}))
        self._charged = now

    def charge_if_due(self, *, stage: str) -> None:
        """Charge, if the last charge was some time ago."""
        if self._clock() - self._charged["total"] >= SECONDS_BETWEEN_CHARGES:
            self.charge(stage=stage)

    def seconds(self) -> Mapping[str, float]:
        """Return the time spent so far, by part."""
        spent = self._store.seconds()
        return {part: round(spent.get(part, 0.0), 3) for part in PARTS}

    def _readings(self) -> dict[str, float]:
        return {
            "total": self._clock(),
            "encode": self._study.encoder.seconds,
            **self._study.candidates.seconds,
            **self._study.seconds,
        }
