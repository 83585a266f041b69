"""Independent work on all cores of the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from zoo_compress.runtime.environment import default_threads
from zoo_compress.runtime.workers import in_workers

Result = TypeVar("Result")


def side_by_side(work: Callable[..., Result], jobs: Sequence[tuple[Any, ...]]) -> list[Result]:
    """Do work with the arguments of each job, in threads, one for each core.

    Returns:
        The results in the order of the jobs. An error of the first job that has one is raised.
    """
    threads = default_threads()
    if threads == 1 or len(jobs) < 2:
        return [work(*job) for job in jobs]
    return in_workers(threads, lambda job: work(*job), jobs)
