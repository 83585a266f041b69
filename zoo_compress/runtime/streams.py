"""How samples share the cores: one after the other on all of them, or side by side on one each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from zoo_compress.core import AnyArray
from zoo_compress.runtime.environment import default_threads
from zoo_compress.runtime.workers import in_workers

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Result = TypeVar("Result")

# Samples that are run in both ways to see which is faster, for each core.
TRIED_FOR_EACH_CORE = 4
# With fewer samples trying takes longer than it could save.
FEWEST_SAMPLES = 12


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """A way to run samples.

    Operators of small models do little work for each thread that they wake: on two cores,
    EfficientNet-Lite0 takes about 0.8 times as long side by side. Larger batches gain nothing on
    a CPU; the time for a sample of EfficientNet-Lite0 or ResNet-50 was the same at 1 and at 8.

    Attributes:
        streams: Samples at a time.
        threads: Threads within an operator; None for ONNX Runtime's choice.
    """

    streams: int
    threads: int | None

    def run(self, one: Callable[[int], Result], indices: Sequence[int]) -> list[Result]:
        """Return what a function returns for each index, in order; the first error is raised."""
        if self.streams == 1 or len(indices) < 2:
            return [one(index) for index in indices]
        return in_workers(self.streams, one, indices)


def sequential(threads: int | None) -> Arrangement:
    """Return the way of one sample after the other."""
    return Arrangement(streams=1, threads=threads)


def faster_arrangement(
    opened: Callable[[int | None], InferenceSession],
    run: Callable[[InferenceSession, int], tuple[AnyArray, ...]],
    samples: int,
    *,
    threads: int | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Arrangement:
    """Try both ways on a few samples.

    Side by side is taken only where the outputs are the same to the last bit, so that the choice
    shows in the time alone.

    Args:
        opened: Opens the model with so many threads within an operator.
        run: Returns the outputs of a sample.
        samples: How many there are.
        threads: The most threads; as many as cores by default.
        clock: Returns seconds.
    """
    cores = threads or default_threads()
    alone, together = sequential(threads), Arrangement(streams=cores, threads=1)
    if cores == 1 or samples < FEWEST_SAMPLES:
        return alone
    tried = range(min(samples, TRIED_FOR_EACH_CORE * cores))
    seconds, found = list[float](), list[list[tuple[AnyArray, ...]]]()
    for arrangement in (alone, together):
        session = opened(arrangement.threads)
        # The first samples at a time take the time to set up memory too.
        arrangement.run(partial(run, session), tried[: arrangement.streams])
        began = clock()
        found.append(arrangement.run(partial(run, session), tried))
        seconds.append(clock() - began)
    return together if seconds[1] < seconds[0] and _same(*found) else alone


def _same(one: Sequence[Sequence[Any]], other: Sequence[Sequence[Any]]) -> bool:
    return all(
        np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")
        for first, second in zip(one, other, strict=True)
        for a, b in zip(first, second, strict=True)
    )
