"""The arithmetic of latencies, with clocks, models and durations that are given."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from scipy.stats import binomtest

from zoo_compress.errors import SourceError
from zoo_compress.runtime.environment import default_threads
from zoo_compress.runtime.latency import FEWEST_PAIRS, NOISE, Latency, chance_of_split
from zoo_compress.runtime.race import (
    MOST_OPENINGS,
    MOST_PAIRS,
    OPENING_SHARE,
    PATIENCE,
    WARM_UPS,
    compare_latency,
    expected_seconds,
    race,
)

ORIGINAL, COMPRESSED = Path("original.onnx"), Path("compressed.onnx")
FEEDS = [{"x": np.array([value])} for value in range(3)]


@dataclass
class Machine:
    """Models that take the time they are told to; `done` lists what was run, in order."""

    seconds: dict[Path, Any]
    opening: dict[Path, float] = field(default_factory=lambda: {ORIGINAL: 0.0, COMPRESSED: 0.0})
    now: float = 100.0
    done: list[tuple[Path, Any]] = field(default_factory=list)
    opened: list[tuple[Path, int]] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def open(self, path: Path, threads: int) -> "Session":
        self.now += self.opening[path]
        self.opened.append((path, threads))
        return Session(self, path)

    def compare(self, *, seconds: float = 3.0, feeds: Sequence[Any] = FEEDS) -> Latency:
        return compare_latency(
            ORIGINAL,
            COMPRESSED,
            feeds,
            seconds=seconds,
            threads=2,
            opener=self.open,
            clock=self.clock,
        )


@dataclass
class Session:
    machine: Machine
    path: Path

    def run(self, output_names: None, feed: dict[str, Any]) -> list[Any]:
        durations = self.machine.seconds[self.path]
        turn = sum(path == self.path for path, _ in self.machine.done)
        self.machine.done.append((self.path, int(feed["x"][0])))
        self.machine.now += durations[turn % len(durations)]
        return []

    def get_providers(self) -> list[str]:
        return ["SomeProvider", "CPUExecutionProvider"]


def machine(
    original: float, compressed: float, *, opening: tuple[float, float] = (0.0, 0.0)
) -> Machine:
    return Machine(
        {ORIGINAL: [original], COMPRESSED: [compressed]},
        {ORIGINAL: opening[0], COMPRESSED: opening[1]},
    )


def latency(
    ratio: float, quartiles: tuple[float, float], *, pairs: int = 20, slower: int | None = None
) -> Latency:
    return Latency(
        original_ms=10.0,
        compressed_ms=10.0 * ratio,
        ratio=ratio,
        quartiles=quartiles,
        pairs=pairs,
        slower_pairs=(pairs if ratio > 1 else 0) if slower is None else slower,
        original_load_seconds=0.1,
        compressed_load_seconds=0.1,
        threads=2,
        provider="CPUExecutionProvider",
    )


def test_medians_are_over_the_runs_and_the_ratio_over_the_pairs() -> None:
    warm = [9.0] * WARM_UPS
    busy = Machine(
        {ORIGINAL: [*warm, 1, 2, 3, 4, 4, 4, 5, 5], COMPRESSED: [*warm, 4, 4, 9, 4, 6, 8, 5, 4]},
        {ORIGINAL: 0.25, COMPRESSED: 0.75},
    )
    found = busy.compare(seconds=60.0)
    assert found.pairs == FEWEST_PAIRS == 8
    assert (found.original_ms, found.compressed_ms) == (4000.0, 4500.0)
    # The ratios, in order of size: 0.8, 1, 1, 1.5, 2, 2, 3, 4.
    assert found.ratio == pytest.approx(1.75)
    assert found.quartiles == pytest.approx((1.0, 2.25))
    assert found.slower_pairs == 5
    assert found.original_load_seconds == pytest.approx(0.25)
    assert found.compressed_load_seconds == pytest.approx(0.75)
    assert (found.threads, found.provider) == (2, "SomeProvider")


def test_the_order_alternates_and_both_run_the_same_samples_in_turn() -> None:
    quick = machine(0.1, 0.1)
    found = quick.compare()
    assert quick.opened[:4] == [(ORIGINAL, 2), (COMPRESSED, 2), (COMPRESSED, 2), (ORIGINAL, 2)]
    runs = quick.done[2 * WARM_UPS :]
    pairs = [runs[i : i + 2] for i in range(0, len(runs), 2)]
    assert len(pairs) == found.pairs > FEWEST_PAIRS
    for turn, pair in enumerate(pairs):
        paths = [ORIGINAL, COMPRESSED]
        assert [path for path, _ in pair] == (paths if turn % 2 == 0 else paths[::-1])
        assert {sample for _, sample in pair} == {turn % len(FEEDS)}


def test_of_three_models_each_begins_in_turn_and_is_compared_with_the_first() -> None:
    third = Path("third.onnx")
    busy = Machine(
        {ORIGINAL: [0.2], COMPRESSED: [0.1], third: [0.6]},
        {ORIGINAL: 0.0, COMPRESSED: 0.0, third: 0.0},
    )
    found = race(
        (ORIGINAL, COMPRESSED, third), FEEDS, opener=busy.open, threads=1, clock=busy.clock
    )
    assert [latency.ratio for latency in found] == pytest.approx([1, 0.5, 3])
    assert [latency.compressed_ms for latency in found] == pytest.approx([200, 100, 600])
    assert [latency.verdict for latency in found] == ["alike", "faster", "slower"]
    runs = busy.done[3 * WARM_UPS :]
    starts = [path for path, _ in runs[:9:3]]
    assert set(starts) == {ORIGINAL, COMPRESSED, third}
    assert all(len({sample for _, sample in runs[i : i + 3]}) == 1 for i in (0, 3, 6))


def test_no_model_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no model to run"):
        race((), FEEDS)


def test_a_drift_of_the_machine_that_meets_both_leaves_the_ratio_alone() -> None:
    slowing = Machine(
        {
            ORIGINAL: list(np.linspace(0.01, 0.03, 60)),
            COMPRESSED: list(np.linspace(0.02, 0.06, 60)),
        }
    )
    found = slowing.compare()
    assert found.ratio == pytest.approx(2)
    assert found.quartiles == pytest.approx((2, 2))


def test_the_time_is_kept_by_models_that_are_quick_enough() -> None:
    for forward in (0.001, 0.02, 0.08):
        quick = machine(forward, 2 * forward, opening=(0.05, 0.1))
        quick.compare(seconds=3.0)
        assert quick.now - 100 <= 3.0 + 3 * forward + 1e-9


def test_a_very_quick_model_is_not_run_without_end() -> None:
    assert machine(1e-6, 1e-6).compare().pairs == MOST_PAIRS


def test_a_slow_model_gets_its_fewest_pairs_within_patience() -> None:
    slow = machine(0.5, 0.7)
    assert slow.compare(seconds=3.0).pairs == FEWEST_PAIRS
    assert slow.now - 100 <= PATIENCE * 3.0


def test_a_very_slow_model_is_run_once_more_than_to_warm_up_and_judged_unclear() -> None:
    glacial = machine(20.0, 60.0)
    found = glacial.compare(seconds=3.0)
    assert found.pairs == 1
    assert found.ratio == pytest.approx(3)
    assert found.verdict == "unclear"
    assert glacial.now - 100 == pytest.approx((WARM_UPS + 1) * 80)


@pytest.mark.parametrize(
    ("opening", "expected"), [(0.01, MOST_OPENINGS), (0.3, 2), (1.5, 1), (40.0, 1)]
)
def test_models_are_opened_again_only_while_that_takes_its_share(
    opening: float, expected: int
) -> None:
    found = machine(0.01, 0.01, opening=(opening, opening))
    found.compare(seconds=3.0)
    assert len(found.opened) == 2 * expected
    assert (expected - 1) * 2 * opening <= OPENING_SHARE * 3.0


@pytest.mark.parametrize("opening", [0.001, 0.3, 5.0])
@pytest.mark.parametrize("forward", [0.0001, 0.02, 0.4, 3.0, 50.0])
@pytest.mark.parametrize("seconds", [0.1, 3.0])
def test_what_is_expected_is_what_it_takes(opening: float, forward: float, seconds: float) -> None:
    tried = machine(forward, forward, opening=(opening, opening))
    tried.compare(seconds=seconds)
    expected = expected_seconds(opening=2 * opening, pair=2 * forward, seconds=seconds)
    assert tried.now - 100 == pytest.approx(expected, abs=2 * forward + 1e-6)


def test_models_that_take_no_time_are_expected_to_take_none() -> None:
    assert expected_seconds(opening=0.0, pair=0.0) == 0


@pytest.mark.parametrize(
    ("ratio", "quartiles", "verdict"),
    [
        (1.8, (1.7, 1.9), "slower"),
        (1.2, (1.001, 1.6), "slower"),
        (0.6, (0.5, 0.7), "faster"),
        (1.01, (1.005, 1.02), "alike"),
        (0.99, (0.7, 1.3), "alike"),
        (1.2, (0.9, 1.5), "unclear"),
        (0.8, (0.6, 1.1), "unclear"),
    ],
)
def test_a_verdict_takes_a_ratio_beyond_noise_and_pairs_that_agree(
    ratio: float, quartiles: tuple[float, float], verdict: str
) -> None:
    assert latency(ratio, quartiles).verdict == verdict


def test_a_ratio_and_its_inverse_are_judged_alike() -> None:
    edge = 1 + NOISE
    for ratio in (edge - 1e-9, 1 / (edge - 1e-9)):
        assert latency(ratio, (ratio, ratio)).verdict == "alike"
    assert latency(edge + 1e-9, (edge, edge)).verdict == "slower"
    assert latency(1 / (edge + 1e-9), (1 / edge, 1 / edge)).verdict == "faster"


@pytest.mark.parametrize(
    ("pairs", "slower", "verdict"),
    # Two-sided probabilities 0.0078, 0.070, 0.012 and 0.0063.
    [(8, 8, "slower"), (8, 7, "unclear"), (20, 16, "unclear"), (12, 11, "slower")],
)
def test_a_split_of_the_pairs_that_chance_allows_is_unclear(
    pairs: int, slower: int, verdict: str
) -> None:
    assert latency(1.3, (1.01, 1.4), pairs=pairs, slower=slower).verdict == verdict


@pytest.mark.parametrize("whole", [8, 15, 2000])
def test_the_chance_of_a_split_is_that_of_a_binomial_test(whole: int) -> None:
    for part in (0, 1, whole // 3, whole // 2, whole - 1):
        assert chance_of_split(part, whole) == pytest.approx(binomtest(part, whole).pvalue)


def test_too_few_pairs_say_nothing() -> None:
    assert latency(3.0, (2.9, 3.1), pairs=FEWEST_PAIRS - 1).verdict == "unclear"
    assert latency(3.0, (2.9, 3.1), pairs=FEWEST_PAIRS).verdict == "slower"


def test_no_sample_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no sample to run"):
        machine(1.0, 1.0).compare(feeds=[])


def test_real_files_run_in_a_stock_runtime(
    conv_model: onnx.ModelProto, images: list[dict[str, np.ndarray]], tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(conv_model, path)
    found = compare_latency(path, path, images, seconds=0.2)
    assert found.provider == "CPUExecutionProvider"
    assert found.threads == default_threads()
    assert found.original_ms > 0
    assert found.compressed_load_seconds > 0


def test_a_file_that_does_not_open_is_named(
    conv_model: onnx.ModelProto, images: list[dict[str, np.ndarray]], tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(conv_model, path)
    with pytest.raises(SourceError, match="missing"):
        compare_latency(path, tmp_path / "missing.onnx", images)


def test_a_model_is_closed_before_it_is_opened_again() -> None:
    models, alive = machine(0.01, 0.01), list[tuple[Path, weakref.ref[Session]]]()

    def open_alone(path: Path, threads: int) -> Session:
        assert not [each for known, each in alive if known == path and each() is not None]
        session = models.open(path, threads)
        alive.append((path, weakref.ref(session)))
        return session

    compare_latency(ORIGINAL, COMPRESSED, FEEDS, threads=1, opener=open_alone, clock=models.clock)
    assert len(alive) > 2
