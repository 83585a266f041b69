from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from itertools import pairwise

import numpy as np
import pytest

from zoo_compress.core import Plan
from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.runtime.rest import RestEvaluator, Rests
from zoo_compress.runtime.session import open_session
from zoo_compress.search.deadline import Deadline
from zoo_compress.search.scan import (
    SESSIONS,
    Scan,
    measured_levels,
    scan_evaluations,
    scan_groups,
    scan_order,
)
from zoo_compress.search.store import TrialStore
from zoo_compress.stats.distances.total_variation import TotalVariation
from zoo_compress.techniques.candidates import Candidates

ORDER = [(0, 7), (0, 5), (0, 3), (1, 7), (1, 5), (1, 3)]
"""What is measured of the network: its first site holds more weights than its second."""
HURRIED = [(0, 7), (1, 7), (0, 5), (1, 5), (0, 3), (1, 3)]
"""The same under a time limit."""


@dataclass(frozen=True, kw_only=True)
class CountingCandidates(Candidates):
    """Runs plans and counts them."""

    takes: Callable[[], object]
    calls: list[tuple[str, ...]] = field(default_factory=list)

    @classmethod
    def of(cls, candidates: Candidates, takes=lambda: None) -> CountingCandidates:
        parts = {part.name: getattr(candidates, part.name) for part in fields(candidates)}
        return cls(takes=takes, **parts)

    def outputs(self, plan, indices):
        self.calls.append(tuple(plan.choices))
        self.takes()
        return super().outputs(plan, indices)


def scan_of(network, *, indices=range(4), **changed) -> Scan:
    return Scan(encoder=network.encoder, **network.parts | {"indices": indices} | changed)


def distance_of(network, site, level, indices=range(4)) -> float:
    """Return the distance that one option alone causes, measured directly."""
    name = network.space.sites[site].name
    plan = Plan(choices={name: network.space.options[site][level - 1]})
    outputs = network.candidates.outputs(plan, indices)
    return float(network.distance(outputs, indices).mean())


def weight_error(network, site, level) -> float:
    name = network.space.sites[site].name
    dense = network.encoder.encode(name, network.space.options[site][level - 1]).dense
    return float(np.square(dense.astype(np.float64) - network.weights[name]).sum())


@pytest.fixture(scope="module")
def sensitivity(network):
    return scan_of(network).run()


@pytest.fixture
def store(tmp_path):
    return TrialStore(tmp_path / "trials.sqlite")


@pytest.mark.parametrize(
    ("count", "levels"),
    [(0, ()), (1, (1,)), (2, (1, 2)), (3, (1, 3)), (4, (1, 2, 4)), (5, (1, 3, 5)), (7, (3, 5, 7))],
)
def test_the_most_aggressive_level_and_every_second_above_it_are_measured(count, levels):
    assert measured_levels(count) == levels
    assert measured_levels(count, every=True) == tuple(range(1, count + 1))


def test_the_levels_of_a_site_follow_each_other_those_of_the_largest_site_first(network):
    assert scan_order(network.space) == ORDER
    every = scan_order(network.space, every=True)
    assert every == [(site, level) for site in range(2) for level in range(7, 0, -1)]


def test_under_a_time_limit_the_most_aggressive_levels_of_all_sites_come_first(network):
    assert scan_order(network.space, hurried=True) == HURRIED
    every = scan_order(network.space, every=True, hurried=True)
    assert [level for _, level in every[::2]] == [7, 6, 5, 4, 3, 2, 1]
    assert sorted(every) == [(site, level) for site in range(2) for level in range(1, 8)]


def test_sites_with_fewer_levels_leave_the_later_rounds_to_the_others(make_space):
    space = make_space([[100, 60, 40, 30, 20], [80, 30], [80]])
    assert scan_order(space, hurried=True) == [(0, 4), (1, 1), (0, 2), (0, 1)]


def test_a_measured_distortion_is_the_distance_of_that_option_alone(network, sensitivity):
    for site, options in enumerate(network.space.options):
        assert len(options) == 7
        for level in measured_levels(len(options)):
            direct = distance_of(network, site, level)
            assert sensitivity.distortion[site, level] == pytest.approx(direct, rel=1e-12)
    np.testing.assert_array_equal(sensitivity.distortion[:, 0], 0)


def test_contributions_are_in_the_power_of_the_distance_in_which_they_add_up(network):
    distance = TotalVariation(network.candidates.reference)
    found = scan_of(network, distance=distance).run()
    plan = Plan(choices={"fc.w": network.space.options[1][6]})
    outputs = network.candidates.outputs(plan, range(4))
    direct = float(distance(outputs, range(4)).mean())
    assert found.power == distance.power == 2
    assert found.distortion[1, 7] == pytest.approx(direct**2, rel=1e-12)


def on_the_power_law(error, known) -> float:
    """Return the distortion at a weight error, from sorted (error, distortion) pairs."""
    for below, above in pairwise(known):
        if below[0] <= error <= above[0]:
            slope = np.log(above[1] / below[1]) / np.log(above[0] / below[0])
            return below[1] * (error / below[0]) ** slope
    edge = known[0] if error < known[0][0] else known[-1]
    return edge[1] * error / edge[0]


def test_other_levels_lie_on_the_power_law_of_the_weight_errors(network, sensitivity):
    for site, distortion in enumerate(sensitivity.distortion):
        errors = [0.0, *(weight_error(network, site, level) for level in range(1, 8))]
        known = sorted((errors[level], distortion[level]) for level in (3, 5, 7))
        for level in (1, 2, 4, 6):
            expected = on_the_power_law(errors[level], known)
            assert distortion[level] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("every", [False, True])
def test_each_evaluation_is_announced_and_changes_one_weight(network, every):
    candidates, reports = CountingCandidates.of(network.candidates), []
    scan_of(network, candidates=candidates, every=every).run(reports.append)
    count = scan_evaluations(network.space, every=every)
    assert count == (14 if every else 6)
    assert candidates.calls == [("conv.w",)] * (count // 2) + [("fc.w",)] * (count // 2)
    assert [(r.stage, r.done, r.total) for r in reports] == [
        ("scan", done, count) for done in range(1, count + 1)
    ]


def test_a_full_scan_extrapolates_nothing(network):
    found = scan_of(network, every=True).run()
    for site in range(2):
        for level in range(1, 8):
            direct = distance_of(network, site, level)
            assert found.distortion[site, level] == pytest.approx(direct, rel=1e-12)


def test_only_the_samples_named_are_run(network):
    found = scan_of(network, indices=[5, 2]).run()
    direct = distance_of(network, 1, 7, [5, 2])
    assert found.distortion[1, 7] == pytest.approx(direct, rel=1e-12)


def test_each_measurement_is_in_the_store_before_it_is_announced(network, store):
    kept = []
    scan_of(network).run(lambda _: kept.append(list(store.scanned())), store=store)
    assert kept == [ORDER[: done + 1] for done in range(6)]


@pytest.mark.parametrize("stopped_after", [1, 3, 6])
def test_a_scan_goes_on_where_it_stopped_and_ends_with_the_same_bits(
    network, sensitivity, store, stopped_after
):
    class StoppedError(Exception):
        pass

    def stop(report) -> None:
        if report.done == stopped_after:
            raise StoppedError

    with pytest.raises(StoppedError):
        scan_of(network).run(stop, store=store)
    candidates = CountingCandidates.of(network.candidates)
    found = scan_of(network, candidates=candidates).run(store=store)
    assert len(candidates.calls) == 6 - stopped_after
    np.testing.assert_array_equal(found.distortion, sensitivity.distortion)


@pytest.mark.parametrize("stopped_after", [None, 1, 2, 5])
def test_sites_that_share_a_session_are_measured_as_if_each_had_its_own(
    network, sensitivity, store, stopped_after, monkeypatch
):
    monkeypatch.setattr("zoo_compress.search.scan.SESSIONS", 1)
    together = scan_of(network).run()
    np.testing.assert_allclose(together.distortion, sensitivity.distortion, rtol=1e-3)
    if stopped_after is not None:
        for choice in ORDER[:stopped_after]:
            store.add_scanned(choice, together.distortion[choice])
    again = scan_of(network).run(store=store)
    np.testing.assert_array_equal(again.distortion, together.distortion)


def test_a_scan_that_is_complete_runs_nothing(network, sensitivity, store):
    scan_of(network).run(store=store)
    found = scan_of(network, candidates=None).run(store=store)
    np.testing.assert_array_equal(found.distortion, sensitivity.distortion)


class SlowMachine:
    """A clock that an evaluation moves by ten seconds."""

    def __init__(self, network) -> None:
        self.now = 0.0
        self.candidates = CountingCandidates.of(network.candidates, takes=self._tick)

    def _tick(self) -> None:
        self.now += 10

    def deadline(self, end: float) -> Deadline:
        return Deadline(end=end, clock=lambda: self.now)


def test_a_scan_that_runs_out_of_time_predicts_what_it_has_not_measured(network, store):
    slow = SlowMachine(network)
    found = scan_of(network, candidates=slow.candidates).run(
        store=store, deadline=slow.deadline(35)
    )
    assert slow.now == 30
    assert list(store.scanned()) == HURRIED[:3]
    errors = [weight_error(network, 1, level) for level in (7, 5)]
    # Only one level of the second site was measured: the others keep its ratio.
    expected = distance_of(network, 1, 7) * errors[1] / errors[0]
    assert found.distortion[1, 5] == pytest.approx(expected, rel=1e-4)
    assert (found.distortion[:, 1:] > 0).all()


def test_one_measurement_is_made_although_there_is_no_time_and_speaks_for_all_sites(network):
    slow = SlowMachine(network)
    found = scan_of(network, candidates=slow.candidates).run(deadline=slow.deadline(-1))
    assert slow.candidates.calls == [("conv.w",)]
    shares = [
        weight_error(network, site, 7) / np.square(network.weights[name], dtype=float).sum()
        for site, name in enumerate(("conv.w", "fc.w"))
    ]
    expected = distance_of(network, 0, 7) * shares[1] / shares[0]
    assert found.distortion[1, 7] == pytest.approx(expected, rel=1e-4)


def test_a_later_scan_with_time_makes_up_for_one_that_was_cut_short(network, sensitivity, store):
    slow = SlowMachine(network)
    scan_of(network, candidates=slow.candidates).run(store=store, deadline=slow.deadline(0))
    found = scan_of(network).run(store=store)
    np.testing.assert_array_equal(found.distortion, sensitivity.distortion)


def test_sites_that_share_a_session_follow_each_other_in_the_model(make_space):
    space = make_space([[100 + site, 60, 40] for site in range(2 * SESSIONS + 1)])
    groups = scan_groups(space)
    assert len(groups) == SESSIONS + 1
    assert {len(group.sites) for group in groups} == {1, 2}
    assert all(g.sites[-1] - g.sites[0] == len(g.sites) - 1 for g in groups)
    sizes = [sum(space.sites[site].elements for site in group.sites) for group in groups]
    assert sizes == sorted(sizes, reverse=True)
    assert sorted(s for group in groups for s in group.sites) == list(range(len(space.sites)))
    assert sorted(scan_order(space)) == [(s, t) for s in range(len(space.sites)) for t in (1, 2)]


def test_under_a_time_limit_the_same_sites_share_sessions(make_space):
    space = make_space([[100 + site, 60, 40] for site in range(2 * SESSIONS + 1)])
    groups, hurried = scan_groups(space), scan_groups(space, hurried=True)
    assert [group.sites for group in hurried] == 2 * [group.sites for group in groups]
    levels = [{level for _, level in group.choices} for group in hurried]
    assert levels == [{2}] * len(groups) + [{1}] * len(groups)


def test_one_session_serves_all_levels_of_the_sites_that_share_it(network, monkeypatch):
    monkeypatch.setattr("zoo_compress.search.scan.SESSIONS", 1)
    opened = []

    def counted(*arguments, **options):
        opened.append(open_session(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr("zoo_compress.runtime.varying.open_session", counted)
    scan_of(network).run()
    assert len(opened) == 1


def test_nodes_before_a_weight_run_once(network, monkeypatch):
    starts = []
    starting_at = Rests.starting_at

    def noted(self, names):
        starts.append((tuple(names), starting_at(self, names)))
        return starts[-1][1]

    monkeypatch.setattr(Rests, "starting_at", noted)
    scan_of(network).run()
    kinds = {names[0]: type(evaluator) for names, evaluator in starts}
    assert kinds == {"conv.w": CpuEvaluator, "fc.w": RestEvaluator}
