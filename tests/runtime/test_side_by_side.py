import threading

import pytest

from zoo_compress.runtime import side_by_side as module
from zoo_compress.runtime.side_by_side import side_by_side


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_results_come_in_the_order_of_the_jobs(monkeypatch, cores):
    monkeypatch.setattr(module, "default_threads", lambda: cores)
    found = side_by_side(lambda a, b: 10 * a + b, [(a, b) for a in range(4) for b in range(3)])
    assert found == [10 * a + b for a in range(4) for b in range(3)]
    assert side_by_side(print, []) == []


def test_as_many_jobs_run_at_once_as_there_are_cores(monkeypatch):
    monkeypatch.setattr(module, "default_threads", lambda: 2)
    both = threading.Barrier(2, timeout=30)
    assert sorted(side_by_side(both.wait, [(), ()])) == [0, 1]


@pytest.mark.parametrize("cores", [1, 3])
def test_the_error_of_the_first_job_that_has_one_is_raised(monkeypatch, cores):
    monkeypatch.setattr(module, "default_threads", lambda: cores)
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda a: 1 / a, [(1,), (0,), (2,), (0,)])
