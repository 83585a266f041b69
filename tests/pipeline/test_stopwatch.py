"""Races of whole models, with times that are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.pipeline.conftest import Case, make_case
from tests.pipeline.test_latency_budget import latency
from zoo_compress.core import Feed, Plan, ignore_progress
from zoo_compress.pipeline.folder import PENDING_FOLDER
from zoo_compress.pipeline.stopwatch import LIMIT_SHARE, MOST_RACES, Stopwatch
from zoo_compress.pipeline.study import Study, build_study
from zoo_compress.runtime.device import Device
from zoo_compress.runtime.latency import Latency
from zoo_compress.runtime.race import SECONDS
from zoo_compress.search.store import TrialStore


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Study:
    case: Case = make_case(tmp_path_factory.mktemp("stopwatch"))
    case.out.mkdir()
    return build_study(case.settings(budget="latency=0.5"), ignore_progress)


@pytest.fixture
def store(tmp_path: Path) -> TrialStore:
    return TrialStore(tmp_path / "trials.sqlite")


class Races:
    """Gives out what it is told, one race after the other."""

    def __init__(self, *found: Latency) -> None:
        self._found: Iterator[Latency] = iter(found)
        self.seconds: list[float] = []

    def __call__(
        self, original: Path, other: Path, feeds: Sequence[Feed], seconds: float, device: Device
    ) -> Latency:
        assert original.is_file()
        assert other.is_file()
        self.seconds.append(seconds)
        return next(self._found)


def stopwatch(study: Study, store: TrialStore, races: Races, *, budget: float = 0.5) -> Stopwatch:
    return Stopwatch(study, store, budget=budget, progress=ignore_progress, timer=races)


def test_a_model_that_is_clearly_on_one_side_of_the_budget_is_raced_once(
    built: Study, store: TrialStore
) -> None:
    races = Races(latency(0.4, spread=0.05))
    assert stopwatch(built, store, races).latency(Plan()).ratio == 0.4
    assert races.seconds == [SECONDS]
    assert not (built.settings.folder / PENDING_FOLDER).exists()


def test_a_doubtful_model_is_raced_again_and_the_race_in_the_middle_counts(
    built: Study, store: TrialStore
) -> None:
    races = Races(*(latency(ratio, spread=0.2) for ratio in (0.45, 0.6, 0.52, 0.1)))
    assert stopwatch(built, store, races).latency(Plan()).ratio == 0.52
    assert len(races.seconds) == MOST_RACES


def test_when_the_second_of_two_races_leaves_no_doubt_the_slower_counts(
    built: Study, store: TrialStore
) -> None:
    races = Races(latency(0.45, spread=0.2), latency(0.4, spread=0.01))
    assert stopwatch(built, store, races).latency(Plan()).ratio == 0.45


def test_what_was_measured_is_not_measured_again(built: Study, store: TrialStore) -> None:
    first = stopwatch(built, store, Races(latency(0.4)))
    first.latency(Plan())
    again = stopwatch(built, store, Races())
    assert again.latency(Plan()) == first.latency(Plan()) == again.known(Plan())
    assert [found.ratio for _, found in again.all()] == [0.4]


def test_one_race_that_is_doubtful_for_another_budget_is_followed_by_more(
    built: Study, store: TrialStore
) -> None:
    stopwatch(built, store, Races(latency(0.4, spread=0.05))).latency(Plan())
    races = Races(latency(0.41, spread=0.05), latency(0.42, spread=0.05))
    other = stopwatch(built, store, races, budget=0.4)
    assert other.latency(Plan()).ratio == 0.41
    assert len(races.seconds) == 2


def test_what_was_measured_elsewhere_does_not_count(
    built: Study, store: TrialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopwatch(built, store, Races(latency(0.4))).latency(Plan())
    monkeypatch.setattr(
        "zoo_compress.pipeline.stopwatch.hardware",
        lambda device: {"cpu": "another", "cores": 2, "memory_bytes": 1, "gpu": None},
    )
    there = stopwatch(built, store, Races(latency(0.9)))
    assert there.known(Plan()) is None
    assert there.latency(Plan()).ratio == 0.9


def test_under_a_time_limit_races_are_short_and_soon_not_repeated(
    built: Study, store: TrialStore
) -> None:
    study = replace(built, settings=replace(built.settings, seconds=60.0))
    doubtful = latency(0.5, spread=0.3)
    races = Races(*[doubtful] * 20)
    watch = stopwatch(study, store, races)
    space = study.sized.offered
    for level in range(3):
        theta = space.largest
        theta[level] = 1
        watch.latency(space.plan(theta))
    assert races.seconds == [LIMIT_SHARE * 60] * 9
    before = len(races.seconds)
    for theta in (space.largest, space.smallest):
        watch.latency(space.plan(theta))
    # Twelve seconds were for repeating; the next two models get what is left of them.
    assert len(races.seconds) - before == 2 + 1
