"""The trial store: everything that a search has measured, in one SQLite file."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from zoo_compress.core import Measurement, Trial
from zoo_compress.errors import DiskFullError, OutputError
from zoo_compress.plan import plan_from_text, plan_record
from zoo_compress.search.sensitivity import Sensitivity

SCHEMA = """
CREATE TABLE IF NOT EXISTS trial (
    number INTEGER PRIMARY KEY,
    plan TEXT NOT NULL,
    distance REAL,
    variance REAL,
    inputs INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    latency_ms REAL
);
CREATE TABLE IF NOT EXISTS sensitivity (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    arrays BLOB NOT NULL,
    evaluations INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS seconds (part TEXT PRIMARY KEY, value REAL NOT NULL);
"""


class TrialStore:
    """Trials and sensitivities of one run, committed as each is known.

    A distance that is not finite is stored as NULL.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            OutputError: If it exists and is not a trial store.
            DiskFullError: If there is no space for it.
        """
        self._path = path
        with self._transaction() as connection:
            connection.executescript(SCHEMA)

    def add(self, trial: Trial) -> None:
        """Store a trial."""
        found = trial.measurement
        row = (
            trial.number,
            json.dumps(plan_record(trial.plan)),
            _storable(found.distance),
            _storable(found.variance),
            found.inputs,
            found.stored_bytes,
            found.latency_ms,
        )
        with self._transaction() as connection:
            connection.execute("INSERT INTO trial VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def trials(self) -> list[Trial]:
        """Return all trials in the order in which they were made."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT * FROM trial ORDER BY number").fetchall()
        return [_trial(*row) for row in rows]

    def save_sensitivity(self, sensitivity: Sensitivity, *, evaluations: int) -> None:
        """Store what the scan found and how many evaluations it took."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            distortion=sensitivity.distortion,
            anchor=sensitivity.anchor,
            inner=sensitivity.inner,
        )
        row = (buffer.getvalue(), evaluations)
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO sensitivity VALUES (0, ?, ?)", row)

    def sensitivity(self) -> tuple[Sensitivity, int] | None:
        """Return what the scan found and its evaluations; None before it has ended."""
        with self._transaction() as connection:
            row = connection.execute("SELECT arrays, evaluations FROM sensitivity").fetchone()
        if row is None:
            return None
        with np.load(io.BytesIO(row[0]), allow_pickle=False) as arrays:
            return Sensitivity(**arrays), int(row[1])

    def add_seconds(self, seconds: dict[str, float]) -> None:
        """Add to the time spent by parts of the run, over all its sessions."""
        statement = (
            "INSERT INTO seconds VALUES (?, ?) "
            "ON CONFLICT (part) DO UPDATE SET value = value + excluded.value"
        )
        with self._transaction() as connection:
            connection.executemany(statement, seconds.items())

    def seconds(self) -> dict[str, float]:
        """Return the time spent by parts of the run."""
        with self._transaction() as connection:
            return dict(connection.execute("SELECT part, value FROM seconds").fetchall())

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path)) as connection, connection:
                yield connection
        except sqlite3.DatabaseError as error:
            if "full" in str(error):
                raise DiskFullError(f"{self._path}: {error}; free space and resume") from error
            raise OutputError(f"{self._path}: not a usable trial store: {error}") from error


def _storable(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _trial(
    number: int,
    plan: str,
    distance: float | None,
    variance: float | None,
    inputs: int,
    stored_bytes: int,
    latency_ms: float | None,
) -> Trial:
    measurement = Measurement(
        distance=float("inf") if distance is None else distance,
        variance=float("inf") if variance is None else variance,
        inputs=inputs,
        stored_bytes=stored_bytes,
        latency_ms=latency_ms,
    )
    return Trial(number=number, plan=plan_from_text(plan), measurement=measurement)
