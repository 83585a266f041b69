from __future__ import annotations

import numpy as np
import pytest

from zoo_compress.core import Encoded, Plan
from zoo_compress.search.loop import Measurer
from zoo_compress.techniques.codes import Codes


class Poisonous(Codes):
    """`codes` whose decoded weights are not numbers."""

    def encode(self, weight, site, option, calibration=None):
        encoded = super().encode(weight, site, option, calibration)
        dense = np.full_like(encoded.dense, np.nan)
        return Encoded(option=option, tensors=encoded.tensors, dense=dense)


def test_a_measurement_is_the_mean_distance_with_its_variance(network):
    theta = np.array([7, 5])
    plan = network.space.plan(theta)
    found = Measurer(**network.parts, indices=range(1, 6)).measure(plan)
    outputs = network.candidates.outputs(plan, range(1, 6))
    distances = [
        np.square(out.astype(float) - network.candidates.reference[i][0]).sum()
        for i, (out,) in enumerate(outputs, start=1)
    ]
    assert found.distance == pytest.approx(np.mean(distances), rel=1e-9)
    assert found.variance == pytest.approx(np.var(distances, ddof=1) / 5, rel=1e-9)
    assert found.inputs == 5
    assert found.stored_bytes == network.space.stored_bytes(theta)
    assert found.latency_ms is None


def test_the_plan_that_compresses_nothing_has_distance_0(network):
    found = Measurer(**network.parts, indices=range(6)).measure(Plan())
    assert (found.distance, found.variance) == (0, 0)
    assert found.stored_bytes == network.space.stored_bytes(network.space.largest)


def test_a_plan_with_outputs_that_are_not_finite_is_infinitely_far(make_network):
    network = make_network({"codes": Poisonous({})})
    plan = network.space.plan(np.array([1, 0]))
    found = Measurer(**network.parts, indices=range(6)).measure(plan)
    assert (found.distance, found.variance) == (np.inf, np.inf)


def test_the_top_answers_of_a_classifier_are_compared_on_demand(network):
    plan = network.space.plan(network.space.smallest)
    found = Measurer(**network.parts, indices=range(6), top_answers=True).measure(plan)
    outputs = network.candidates.outputs(plan, range(6))
    pairs = zip(outputs, network.candidates.reference, strict=True)
    changed = [out.argmax() != reference.argmax() for (out,), (reference,) in pairs]
    assert found.disagreement == pytest.approx(np.mean(changed))
    assert Measurer(**network.parts, indices=range(6)).measure(plan).disagreement is None


def test_a_measurement_holds_plain_numbers(network):
    plan = network.space.plan(network.space.smallest)
    found = Measurer(**network.parts, indices=range(6)).measure(plan)
    kinds = {key: type(value) for key, value in vars(found).items() if value is not None}
    assert kinds == {"distance": float, "variance": float, "inputs": int, "stored_bytes": int}
