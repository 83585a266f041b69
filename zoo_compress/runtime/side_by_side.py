"""Independent work on all cores of the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from zoo_compress.runtime.environment import default_threads
from zoo_compress.runtime.workers import in_workers

Result = TypeVar("Result")


def side_by_side(
    work: Callable[..., Result],
    jobs: Sequence[tuple[Any, ...]],
    *,
    sizes: Sequence[int] | None = None,
) -> list[Result]:
    """Do work with the arguments of each job, in threads, one for each core.

    Args:
        work: Does one job.
        jobs: The arguments of each.
        sizes: How much work each is, in any unit. The largest then begin first, so that no core
            is left with one of them at the end.

    Returns:
        The results in the order of the jobs. An error of the first one that began and has one is
        raised.
    """
    if sizes is not None:
        order = sorted(range(len(jobs)), key=lambda job: -sizes[job])
        found = dict(zip(order, side_by_side(work, [jobs[job] for job in order]), strict=True))
        return [found[job] for job in range(len(jobs))]
    threads = default_threads()
    if threads == 1 or len(jobs) < 2:
        return [work(*job) for job in jobs]
    return in_workers(threads, lambda job: work(*job), jobs)
