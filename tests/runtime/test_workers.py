"""Threads that stay: results in order, errors at once, nothing that goes on behind one's back."""

import multiprocessing
import os
import threading

import pytest

from zoo_compress.runtime.side_by_side import side_by_side
from zoo_compress.runtime.streams import Arrangement
from zoo_compress.runtime.workers import in_workers

LONG = 30.0


def test_results_come_in_the_order_of_the_jobs():
    assert in_workers(3, lambda job: 2 * job, range(20)) == [2 * job for job in range(20)]
    assert in_workers(3, print, []) == []


def test_the_threads_of_one_call_serve_the_next():
    def met(_):
        meeting.wait()
        return threading.get_ident()

    meeting = threading.Barrier(3, timeout=LONG)
    first, second = (set(in_workers(3, met, range(3))) for _ in range(2))
    assert first == second
    assert len(first) == 3
    assert threading.get_ident() not in first


def test_no_more_jobs_run_at_once_than_were_asked_for():
    running, most, lock = [], [], threading.Lock()

    def job(number):
        with lock:
            running.append(number)
            most.append(len(running))
        threading.Event().wait(0.001)
        with lock:
            running.remove(number)

    in_workers(2, job, range(12))
    assert max(most) <= 2


def test_after_an_error_no_job_goes_on_and_those_that_wait_never_begin():
    begun, ended, failing = [], [], threading.Event()

    def job(number):
        begun.append(number)
        if number == 0:
            failing.set()
            raise ZeroDivisionError
        failing.wait(LONG)
        threading.Event().wait(0.05)
        ended.append(number)

    with pytest.raises(ZeroDivisionError):
        in_workers(2, job, range(50))
    assert sorted(ended) == sorted(begun)[1:]
    assert len(begun) < 50
    before = len(begun)
    assert in_workers(2, str, range(4)) == ["0", "1", "2", "3"]
    assert len(begun) == before


def test_the_error_of_the_first_job_that_has_one_is_raised():
    second = threading.Event()

    def job(number):
        if number == 1:
            second.set()
            raise ValueError("the second")
        second.wait(LONG)
        raise ValueError("the first")

    with pytest.raises(ValueError, match="the first"):
        in_workers(2, job, range(2))


@pytest.mark.timeout(LONG)
def test_work_within_work_does_not_wait_for_itself():
    def inner(number):
        return in_workers(2, str, range(number))

    expected = [[str(i) for i in range(number)] for number in range(6)]
    assert in_workers(2, inner, range(6)) == expected


@pytest.mark.timeout(LONG)
def test_samples_side_by_side_within_jobs_side_by_side_do_not_wait_for_each_other(monkeypatch):
    monkeypatch.setattr("zoo_compress.runtime.side_by_side.default_threads", lambda: 2)
    samples = Arrangement(streams=2, threads=1)

    def job(number):
        return samples.run(lambda sample: side_by_side(str, [(number,), (sample,)]), range(3))

    expected = [[[str(n), str(sample)] for sample in range(3)] for n in range(4)]
    assert side_by_side(job, [(n,) for n in range(4)]) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    in_workers(2, str, range(4))
    child = multiprocessing.get_context("fork").Process(target=in_workers, args=(2, str, range(4)))
    child.start()
    child.join(LONG)
    child.kill()
    assert child.exitcode == 0
