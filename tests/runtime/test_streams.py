"""Samples side by side: the same outputs in the same order, or one after the other."""

import threading

import numpy as np
import pytest

from zoo_compress.errors import InputError
from zoo_compress.runtime.evaluator import CpuEvaluator, run_all
from zoo_compress.runtime.session import open_session
from zoo_compress.runtime.streams import (
    FEWEST_SAMPLES,
    TRIED_FOR_EACH_CORE,
    Arrangement,
    faster_arrangement,
    sequential,
)

TOGETHER = Arrangement(streams=3, threads=1)


class Clock:
    """Says that each of its readings came so many seconds after the one before."""

    def __init__(self, *steps: float) -> None:
        self.times = iter(np.cumsum(steps))

    def __call__(self) -> float:
        return float(next(self.times))


def chosen(model, *, spent, run=lambda session, index: (np.float32(index),), samples=20):
    opened = []

    def opening(threads):
        opened.append(threads)
        return open_session(model, threads=threads)

    found = faster_arrangement(
        opening, run, samples, threads=2, clock=Clock(0, spent[0], 0, spent[1])
    )
    return found, opened


@pytest.fixture
def serialized(conv_model):
    return conv_model.SerializeToString()


def test_side_by_side_outputs_are_those_of_one_after_the_other(serialized, images):
    session = open_session(serialized, threads=1)
    indices = [3, 1, 2, 0, 3]
    alone = run_all(session, images, indices)
    for one, other in zip(alone, run_all(session, images, indices, TOGETHER), strict=True):
        np.testing.assert_array_equal(one[0], other[0])


def test_samples_run_at_the_same_time():
    meeting = threading.Barrier(3, timeout=30)
    assert len(set(TOGETHER.run(lambda _: meeting.wait(), range(3)))) == 3


def test_the_first_sample_that_does_not_run_is_named(serialized, images):
    bad = [images[0], {"pixels": np.zeros((1, 2), np.float32)}, {"other": np.zeros(1, np.float32)}]
    with pytest.raises(InputError, match="sample 1 does not run"):
        run_all(open_session(serialized), bad, range(3), TOGETHER)


def test_the_faster_way_is_taken(serialized):
    found, opened = chosen(serialized, spent=(2.0, 1.0))
    assert found == Arrangement(streams=2, threads=1)
    assert opened == [2, 1]
    assert chosen(serialized, spent=(1.0, 2.0))[0] == sequential(2)


def test_as_many_samples_as_run_at_a_time_come_before_the_clock_starts(serialized):
    events, steps = [], Clock(0, 1, 0, 1)

    def clock():
        events.append("clock")
        return steps()

    def run(session, index):
        events.append("run")
        return (np.float32(index),)

    faster_arrangement(
        lambda threads: open_session(serialized, threads=threads), run, 20, threads=2, clock=clock
    )
    alone, timed_alone, together = "".join(event[0] for event in events).split("c")[:3]
    assert (len(alone), len(together)) == (1, 2)
    assert len(timed_alone) == 2 * TRIED_FOR_EACH_CORE


def test_outputs_that_differ_side_by_side_keep_samples_one_after_the_other(serialized):
    turns = iter(range(1000))
    found, _ = chosen(serialized, spent=(2.0, 1.0), run=lambda *_: (np.float32(next(turns)),))
    assert found == sequential(2)


def test_few_samples_are_not_worth_trying(serialized):
    assert chosen(serialized, spent=(2.0, 1.0), samples=FEWEST_SAMPLES - 1) == (sequential(2), [])


def test_an_evaluator_that_runs_samples_side_by_side_returns_the_same_bits(conv_model, images):
    feeds = [images[index % len(images)] for index in range(2 * FEWEST_SAMPLES)]
    alone, together = (
        CpuEvaluator(conv_model, feeds, replaceable=["fc.w"], threads=threads)
        for threads in (1, 2)
    )
    together.arrangement = Arrangement(streams=2, threads=1)
    halved = {"fc.w": np.full((16, 10), 0.5, np.float32)}
    order = [5, 0, 23, 7, 7]
    for one, other in zip(
        alone.outputs(halved, order), together.outputs(halved, order), strict=True
    ):
        np.testing.assert_array_equal(one[0], other[0])
