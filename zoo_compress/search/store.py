"""The trial store: everything that a search has measured, in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from zoo_compress.core import Measurement, Plan, Trial
from zoo_compress.errors import DiskFullError, OutputError
from zoo_compress.plan import plan_from_text, plan_key, plan_record
from zoo_compress.runtime.latency import Latency
from zoo_compress.search.interpolation import Choice
from zoo_compress.search.site_times import SiteTime

# Reals are IEEE doubles, so every finite number comes back bit for bit; NULL stands for the
# others.
SCHEMA = """
CREATE TABLE IF NOT EXISTS trial (
    number INTEGER PRIMARY KEY,
    plan TEXT NOT NULL,
    distance REAL,
    variance REAL,
    inputs INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    disagreement REAL,
    latency_ms REAL
);
CREATE TABLE IF NOT EXISTS scan (
    site INTEGER NOT NULL,
    level INTEGER NOT NULL,
    power REAL,
    PRIMARY KEY (site, level)
);
CREATE TABLE IF NOT EXISTS site_time (
    site TEXT NOT NULL,
    option TEXT NOT NULL,
    original_ns INTEGER NOT NULL,
    alone_ns INTEGER NOT NULL,
    amid_ns INTEGER NOT NULL,
    PRIMARY KEY (site, option)
);
CREATE TABLE IF NOT EXISTS latency (
    plan TEXT NOT NULL,
    place TEXT NOT NULL,
    races INTEGER NOT NULL,
    found TEXT NOT NULL,
    PRIMARY KEY (plan, place)
);
CREATE TABLE IF NOT EXISTS seconds (part TEXT PRIMARY KEY, value REAL NOT NULL);
"""
TRIAL_COLUMNS = "number, plan, distance, variance, inputs, stored_bytes, disagreement, latency_ms"
SITE_TIME = tuple(field.name for field in fields(SiteTime))
ADD_SECONDS = (
    "INSERT INTO seconds VALUES (?, ?) "
    "ON CONFLICT (part) DO UPDATE SET value = value + excluded.value"
)


@dataclass(frozen=True, kw_only=True)
class TimedPlan:
    """How long the model of a plan takes beside the original.

    Attributes:
        plan: The plan.
        latency: What was measured.
        races: Races that this comes from.
    """

    plan: Plan
    latency: Latency
    races: int = 1


class TrialStore:
    """The scan and the trials of one run, committed one by one as they are measured.

    Whatever ends the process, what was committed stays, and nothing is there by half. A number
    that is not finite comes back as infinity.
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

    def add(self, trial: Trial, *, seconds: Mapping[str, float] | None = None) -> None:
        """Store a trial and, with it, the time that parts of the run spent on it."""
        found = trial.measurement
        row = (
            trial.number,
            json.dumps(plan_record(trial.plan)),
            _storable(found.distance),
            _storable(found.variance),
            found.inputs,
            found.stored_bytes,
            found.disagreement,
            found.latency_ms,
        )
        with self._transaction() as connection:
            connection.execute("INSERT INTO trial VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            connection.executemany(ADD_SECONDS, (seconds or {}).items())

    def trials(self) -> list[Trial]:
        """Return all trials in the order in which they were made."""
        rows = self._rows(f"SELECT {TRIAL_COLUMNS} FROM trial ORDER BY number")
        return [_trial(*row) for row in rows]

    def add_scanned(self, choice: Choice, power: float) -> None:
        """Store what the scan has measured of one level of one site."""
        with self._transaction() as connection:
            connection.execute("INSERT INTO scan VALUES (?, ?, ?)", (*choice, _storable(power)))

    def scanned(self) -> dict[Choice, float]:
        """Return what the scan has measured so far, by site and level."""
        rows = self._rows("SELECT site, level, power FROM scan ORDER BY rowid")
        return {(site, level): _restored(power) for site, level, power in rows}

    def add_site_times(self, times: Iterable[SiteTime]) -> None:
        """Store how long the options of sites take, all at once."""
        rows = (astuple(time) for time in times)
        with self._transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO site_time VALUES (?, ?, ?, ?, ?)", rows)

    def site_times(self) -> list[SiteTime]:
        """Return how long the options of sites take; nothing if that was not measured."""
        rows = self._rows(f"SELECT {', '.join(SITE_TIME)} FROM site_time ORDER BY rowid")
        return [SiteTime(**dict(zip(SITE_TIME, row, strict=True))) for row in rows]

    def add_latency(self, timed: TimedPlan, *, place: str) -> None:
        """Store how long a whole model takes, in the place of what was known of it.

        Args:
            timed: The plan of the model, and what was measured.
            place: The machine and the libraries that it was measured with.
        """
        row = (plan_key(timed.plan), place, timed.races, json.dumps(asdict(timed.latency)))
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO latency VALUES (?, ?, ?, ?)", row)

    def latencies(self, *, place: str) -> list[TimedPlan]:
        """Return all that was measured of whole models at a place, in that order."""
        rows = self._rows(
            "SELECT plan, found, races FROM latency WHERE place = ? ORDER BY rowid", (place,)
        )
        return [
            TimedPlan(plan=plan_from_text(plan), latency=_latency(found), races=races)
            for plan, found, races in rows
        ]

    def add_seconds(self, seconds: Mapping[str, float]) -> None:
        """Add to the time spent by parts of the run, over all its sessions."""
        with self._transaction() as connection:
            connection.executemany(ADD_SECONDS, seconds.items())

    def seconds(self) -> dict[str, float]:
        """Return the time spent by parts of the run."""
        return dict(self._rows("SELECT part, value FROM seconds"))

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._transaction() as connection:
            found: list[tuple[Any, ...]] = connection.execute(query, values).fetchall()
        return found

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path)) as connection, connection:
                yield connection
        except sqlite3.DatabaseError as error:
            if "full" in str(error):
                raise DiskFullError(f"{self._path}: {error}; free space and resume") from error
            raise OutputError(f"{self._path}: not a usable trial store: {error}") from error


def _latency(found: str) -> Latency:
    values = json.loads(found)
    return Latency(**values | {"quartiles": tuple(values["quartiles"])})


def _storable(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _restored(value: float | None) -> float:
    return float("inf") if value is None else value


def _trial(
    number: int,
    plan: str,
    distance: float | None,
    variance: float | None,
    inputs: int,
    stored_bytes: int,
    disagreement: float | None,
    latency_ms: float | None,
) -> Trial:
    measurement = Measurement(
        distance=_restored(distance),
        variance=_restored(variance),
        inputs=inputs,
        stored_bytes=stored_bytes,
        disagreement=disagreement,
        latency_ms=latency_ms,
    )
    return Trial(number=number, plan=plan_from_text(plan), measurement=measurement)
