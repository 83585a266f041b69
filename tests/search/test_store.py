from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from zoo_compress.core import Measurement, Plan, Trial
from zoo_compress.errors import OutputError
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.store import TrialStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trials.sqlite"


@pytest.fixture(scope="module")
def space(make_space):
    return make_space([[100, 60, 40], [80, 30]])


def measured(number, plan, **changed) -> Trial:
    values = {"distance": 0.1 + number, "variance": 1 / 3, "inputs": 50, "stored_bytes": 2**40}
    return Trial(number=number, plan=plan, measurement=Measurement(**values | changed))


@pytest.mark.parametrize("latency", [None, 1.25])
def test_trials_come_back_as_they_were_from_a_store_opened_again(path, space, latency):
    thetas = [np.array([2, 1]), np.array([0, 1]), np.array([0, 0])]
    trials = [measured(n, space.plan(t), latency_ms=latency) for n, t in enumerate(thetas)]
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


def test_sensitivities_come_back_bit_for_bit(path):
    rng = np.random.default_rng(0)
    distortion = rng.lognormal(size=(2, 3))
    distortion[1, 2] = np.inf
    stored = Sensitivity(
        distortion=distortion, anchor=rng.integers(0, 4, (2, 3)), inner=rng.random((4, 4))
    )
    TrialStore(path).save_sensitivity(stored, evaluations=4)
    found, evaluations = TrialStore(path).sensitivity()
    assert evaluations == 4
    for name, array in vars(stored).items():
        np.testing.assert_array_equal(getattr(found, name), array)
        assert getattr(found, name).dtype == array.dtype


def test_a_later_scan_replaces_the_earlier_one(path, make_sensitivity):
    store = TrialStore(path)
    assert store.sensitivity() is None
    store.save_sensitivity(make_sensitivity([[0, 1]]), evaluations=1)
    store.save_sensitivity(make_sensitivity([[0, 2]]), evaluations=3)
    found, evaluations = store.sensitivity()
    assert found.distortion.tolist() == [[0, 2]]
    assert evaluations == 3


def test_seconds_add_up_over_the_sessions_of_a_run(path):
    TrialStore(path).add_seconds({"scan": 1.5, "propose": 0.25})
    store = TrialStore(path)
    store.add_seconds({"propose": 0.5})
    store.add_seconds({})
    assert store.seconds() == {"scan": 1.5, "propose": 0.75}


def test_a_new_store_is_empty(path):
    store = TrialStore(path)
    assert (store.trials(), store.seconds(), store.sensitivity()) == ([], {}, None)


@pytest.mark.parametrize("content", [b"no database " * 100, b"SQLite format 3\0" + b"\1" * 200])
def test_a_file_that_is_no_store_is_refused_and_left_alone(path, content):
    path.write_bytes(content)
    with pytest.raises(OutputError, match=r"trials\.sqlite: not a usable trial store"):
        TrialStore(path)
    assert path.read_bytes() == content


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(OutputError, match="unable to open database file"):
        TrialStore(tmp_path / "missing" / "trials.sqlite")
