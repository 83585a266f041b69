"""Threads that stay for the life of the process, for work that is done side by side."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

NAME = "zoo-compress-worker"
"""Beginning of the names of the threads."""


def in_workers(threads: int, work: Callable[[Job], Result], jobs: Iterable[Job]) -> list[Result]:
    """Do work on each job, so many of them at a time.

    Starting threads takes milliseconds while all cores are busy, so they wait for the next call.
    When this returns or raises, no job goes on. Work that is itself done in such a thread does
    its jobs one after the other: it would wait for threads that wait for it.

    Args:
        threads: The most jobs at a time.
        work: Does one.
        jobs: The jobs.

    Returns:
        The results in the order of the jobs. An error of the first job that has one is raised;
        jobs that have not begun by then never do.
    """
    if threading.current_thread().name.startswith(NAME):
        return [work(job) for job in jobs]
    pool = _pool(threads, os.getpid())
    futures = [pool.submit(work, job) for job in jobs]
    try:
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancel()
        wait(futures)


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Return the threads of a process; one that was forked from it has none of them."""
    return ThreadPoolExecutor(threads, thread_name_prefix=NAME)
