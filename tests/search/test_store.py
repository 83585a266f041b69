from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_compress.core import Measurement, Plan, Trial
from zoo_compress.errors import OutputError
from zoo_compress.runtime.latency import Latency
from zoo_compress.search.site_times import SiteTime
from zoo_compress.search.store import TimedPlan, TrialStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trials.sqlite"


@pytest.fixture(scope="module")
def space(make_space):
    return make_space([[100, 60, 40], [80, 30]])


def measured(number, plan, **changed) -> Trial:
    values = {"distance": 0.1 + number, "variance": 1 / 3, "inputs": 50, "stored_bytes": 2**40}
    return Trial(number=number, plan=plan, measurement=Measurement(**values | changed))


@pytest.mark.parametrize("more", [{}, {"latency_ms": 1.25}, {"disagreement": 1 / 7}])
def test_trials_come_back_as_they_were_from_a_store_opened_again(path, space, more):
    thetas = [np.array([2, 1]), np.array([0, 1]), np.array([0, 0])]
    trials = [measured(n, space.plan(t), **more) for n, t in enumerate(thetas)]
    store = TrialStore(path)
    for trial in trials:
        store.add(trial)
    assert store.trials() == TrialStore(path).trials() == trials


def test_trials_come_back_in_the_order_of_their_numbers(path):
    store = TrialStore(path)
    for number in (2, 0, 1):
        store.add(measured(number, Plan()))
    assert [trial.number for trial in store.trials()] == [0, 1, 2]


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_a_distance_that_is_not_finite_comes_back_as_infinity(path, bad):
    store = TrialStore(path)
    store.add(measured(0, Plan(), distance=bad, variance=bad))
    (trial,) = store.trials()
    assert (trial.measurement.distance, trial.measurement.variance) == (np.inf, np.inf)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT distance, variance FROM trial").fetchall() == [
            (None, None)
        ]


def test_constants_that_options_share_are_not_part_of_a_stored_plan(path, make_space):
    space = make_space([[100, 60]], shared={(0, 1): {"mask": 16}})
    store = TrialStore(path)
    store.add(measured(0, space.plan(np.array([1]))))
    (trial,) = store.trials()
    assert space.theta(trial.plan).tolist() == [1]


def test_a_number_that_is_taken_is_refused_and_the_first_trial_stays(path):
    store = TrialStore(path)
    store.add(measured(0, Plan()))
    with pytest.raises(OutputError, match=r"trials\.sqlite: not a usable trial store: UNIQUE"):
        store.add(measured(0, Plan(), distance=9.0))
    assert store.trials() == [measured(0, Plan())]


LATENCY = Latency(
    original_ms=24.0,
    compressed_ms=1 / 3,
    ratio=0.1 + 0.2,
    quartiles=(0.25, 1 / 7),
    pairs=40,
    slower_pairs=3,
    original_load_seconds=0.1,
    compressed_load_seconds=0.3,
    threads=2,
    provider="CPUExecutionProvider",
)


def test_times_of_sites_come_back_as_they_were(path):
    times = [
        SiteTime(site=site, option=option, original_ns=2**40, alone_ns=3, amid_ns=2)
        for site in "ba"
        for option in ("codes bits=8", "static-int8")
    ]
    TrialStore(path).add_site_times(times)
    assert TrialStore(path).site_times() == times


def test_latencies_come_back_for_the_place_where_they_were_measured(path, space):
    store = TrialStore(path)
    plans = [space.plan(np.array([2, 1])), Plan()]
    timed = [TimedPlan(plan=plan, latency=LATENCY, races=2) for plan in plans]
    for each in timed:
        store.add_latency(each, place="here")
    store.add_latency(timed[0], place="there")
    assert TrialStore(path).latencies(place="here") == timed
    assert TrialStore(path).latencies(place="there") == timed[:1]
    assert TrialStore(path).latencies(place="elsewhere") == []


def test_a_later_latency_of_a_plan_takes_the_place_of_the_earlier(path):
    store = TrialStore(path)
    for races in (1, 3):
        store.add_latency(TimedPlan(plan=Plan(), latency=LATENCY, races=races), place="here")
    (found,) = store.latencies(place="here")
    assert found.races == 3


finite_or_not = st.floats(min_value=0, allow_nan=False)


@settings(max_examples=20)  # Each example writes to the disk.
@given(powers=st.lists(finite_or_not, min_size=1, max_size=4))
def test_what_the_scan_measured_comes_back_bit_for_bit_in_its_order(powers):
    choices = [(1, 3), (0, 2), (1, 1), (0, 1)][: len(powers)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trials.sqlite"
        for choice, power in zip(choices, powers, strict=True):
            TrialStore(path).add_scanned(choice, power)
        found = TrialStore(path).scanned()
    assert list(found.items()) == list(zip(choices, powers, strict=True))


def test_what_breaks_the_model_comes_back_as_infinity(path):
    store = TrialStore(path)
    store.add_scanned((0, 1), np.nan)
    assert store.scanned() == {(0, 1): np.inf}


def test_an_option_is_scanned_once(path):
    store = TrialStore(path)
    store.add_scanned((0, 1), 2.0)
    with pytest.raises(OutputError, match="UNIQUE"):
        store.add_scanned((0, 1), 3.0)
    assert store.scanned() == {(0, 1): 2.0}


def test_seconds_add_up_over_the_sessions_of_a_run(path):
    TrialStore(path).add_seconds({"scan": 1.5, "propose": 0.25})
    store = TrialStore(path)
    store.add_seconds({"propose": 0.5})
    store.add_seconds({})
    store.add(measured(0, Plan()), seconds={"propose": 0.25})
    assert store.seconds() == {"scan": 1.5, "propose": 1.0}


def test_a_trial_that_is_refused_charges_no_time(path):
    store = TrialStore(path)
    store.add(measured(0, Plan()), seconds={"propose": 1.0})
    with pytest.raises(OutputError):
        store.add(measured(0, Plan()), seconds={"propose": 1.0})
    assert store.seconds() == {"propose": 1.0}


def test_a_new_store_is_empty(path):
    store = TrialStore(path)
    assert (store.trials(), store.seconds(), store.scanned()) == ([], {}, {})


@pytest.mark.parametrize("content", [b"no database " * 100, b"SQLite format 3\0" + b"\1" * 200])
def test_a_file_that_is_no_store_is_refused_and_left_alone(path, content):
    path.write_bytes(content)
    with pytest.raises(OutputError, match=r"trials\.sqlite: not a usable trial store"):
        TrialStore(path)
    assert path.read_bytes() == content


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(OutputError, match="unable to open database file"):
        TrialStore(tmp_path / "missing" / "trials.sqlite")


def test_a_store_of_another_version_is_refused_in_one_line(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE trial (number INTEGER PRIMARY KEY, plan TEXT)")
    with pytest.raises(OutputError, match="not a usable trial store: no such column"):
        TrialStore(path).trials()
