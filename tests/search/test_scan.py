from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from zoo_compress.core import Plan, ignore_progress
from zoo_compress.search.scan import (
    SKETCH_LENGTH,
    Scan,
    _sketched,
    measured_levels,
    scan_evaluations,
)


class CountingEvaluator:
    """Passes everything on to a real evaluator and counts."""

    def __init__(self, evaluator) -> None:
        self._evaluator = evaluator
        self.reference = evaluator.reference
        self.calls: list[tuple[str, ...]] = []

    def outputs(self, weights, indices):
        self.calls.append(tuple(weights))
        return self._evaluator.outputs(weights, indices)


def scan_of(network, *, indices=range(4), **changed) -> Scan:
    parts = network.parts | {"indices": indices, "weights": network.weights, "seed": 5} | changed
    return Scan(**parts)


def changes_of(network, site, level, indices=range(4)) -> np.ndarray:
    """Return the output changes by one option alone, measured directly."""
    name = network.space.sites[site].name
    plan = Plan(choices={name: network.space.options[site][level - 1]})
    outputs = network.evaluator.outputs(network.encoder.dense(plan), indices)
    return network.distance.difference(outputs, indices)


def weight_error(network, site, level) -> float:
    name = network.space.sites[site].name
    dense = network.encoder.encode(name, network.space.options[site][level - 1]).dense
    return float(np.square(dense.astype(np.float64) - network.weights[name]).sum())


@pytest.fixture(scope="module")
def sensitivity(network):
    return scan_of(network).run(ignore_progress)


@pytest.mark.parametrize(
    ("count", "levels"),
    [(0, ()), (1, (1,)), (2, (1, 2)), (3, (1, 3)), (4, (1, 2, 4)), (5, (1, 3, 5)), (7, (3, 5, 7))],
)
def test_the_most_aggressive_level_and_every_second_above_it_are_measured(count, levels):
    assert measured_levels(count) == levels
    assert measured_levels(count, every=True) == tuple(range(1, count + 1))


def test_a_measured_distortion_is_the_distance_of_that_option_alone(network, sensitivity):
    for site, options in enumerate(network.space.options):
        assert len(options) == 7
        for level in measured_levels(len(options)):
            direct = np.square(changes_of(network, site, level)).sum(axis=1).mean()
            assert sensitivity.distortion[site, level] == pytest.approx(direct, rel=1e-5)
    np.testing.assert_array_equal(sensitivity.distortion[:, 0], 0)


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
            nearest = min((3, 5, 7), key=lambda a: abs(np.log(errors[a] / errors[level])))
            assert sensitivity.anchor[site, level] == sensitivity.anchor[site, nearest]


def test_the_gram_matrix_holds_the_inner_products_of_the_measured_changes(network, sensitivity):
    measured = [(site, level) for site in range(2) for level in (3, 5, 7)]
    rows = np.array([changes_of(network, *choice).ravel() for choice in measured])
    expected = rows @ rows.T / 4
    np.testing.assert_allclose(sensitivity.inner, expected, atol=1e-5 * expected.max())
    assert [sensitivity.anchor[choice] for choice in measured] == list(range(6))


@pytest.mark.parametrize("every", [False, True])
def test_each_evaluation_is_announced_and_changes_one_weight(network, every):
    evaluator, reports = CountingEvaluator(network.evaluator), []
    scan_of(network, evaluator=evaluator, every=every).run(reports.append)
    count = scan_evaluations(network.space, every=every)
    assert count == (14 if every else 6)
    assert evaluator.calls == [("conv.w",)] * (count // 2) + [("fc.w",)] * (count // 2)
    assert [(r.stage, r.done, r.total) for r in reports] == [
        ("scan", done, count) for done in range(1, count + 1)
    ]


def test_a_full_scan_extrapolates_nothing(network):
    found = scan_of(network, every=True).run(ignore_progress)
    for site in range(2):
        for level in range(1, 8):
            direct = np.square(changes_of(network, site, level)).sum(axis=1).mean()
            assert found.distortion[site, level] == pytest.approx(direct, rel=1e-5)


def test_only_the_samples_named_are_run(network):
    found = scan_of(network, indices=[5, 2]).run(ignore_progress)
    direct = np.square(changes_of(network, 1, 7, [5, 2])).sum(axis=1).mean()
    assert found.distortion[1, 7] == pytest.approx(direct, rel=1e-5)


def test_a_count_sketch_keeps_the_inner_products_of_long_outputs(make_network):
    network = make_network(classes=5 * SKETCH_LENGTH, samples=3)
    found = scan_of(network, indices=range(3)).run(ignore_progress)
    rows = np.array([changes_of(network, 0, a, range(3)).ravel() for a in (3, 5, 7)])
    expected = rows @ rows.T / 3
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    # Four standard deviations of a sketched cosine, 1 / sqrt(length) each.
    tolerance = 4 / np.sqrt(SKETCH_LENGTH)
    assert (np.abs(found.inner[:3, :3] - expected) / scale).max() < tolerance
    np.testing.assert_allclose(found.distortion[0, [3, 5, 7]], np.diag(expected), rtol=tolerance)


@pytest.mark.parametrize("seed", range(5))
def test_a_sketch_is_unbiased_also_where_all_outputs_change_alike(seed):
    ones = np.ones((1, 10 * SKETCH_LENGTH))
    ones[:, ::2] = 2
    sketch = _sketched(ones, seed)
    assert sketch.shape == (1, SKETCH_LENGTH)
    # The variance of a sketched squared norm is below 2 / length.
    tolerance = 4 * np.sqrt(2 / SKETCH_LENGTH)
    assert np.square(sketch).sum() == pytest.approx(np.square(ones).sum(), rel=tolerance)


def test_the_same_seed_gives_the_same_sketch_and_another_one_another(make_network):
    network = make_network(classes=2 * SKETCH_LENGTH, samples=2)
    first, again, other = (
        scan_of(network, indices=range(2), seed=seed).run(ignore_progress) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first.inner, again.inner)
    assert (first.inner != other.inner).any()
