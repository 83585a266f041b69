from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoo_compress.core import Plan
from zoo_compress.runtime.bound import BoundEvaluator
from zoo_compress.runtime.device import CPU, Device
from zoo_compress.search.comparison import Comparison
from zoo_compress.stats.distances import output_distance


@pytest.fixture(params=[CPU, pytest.param(Device("cuda"), marks=pytest.mark.gpu)], ids=str)
def bound_candidates(request, network, classifier_model, classifier_images):
    evaluator = BoundEvaluator(
        classifier_model, classifier_images, replaceable=["conv.w", "fc.w"], device=request.param
    )
    return replace(network.candidates, evaluator=evaluator)


@pytest.mark.parametrize("theta", [(7, 7), (1, 5), (3, 0), (0, 0)])
@pytest.mark.parametrize("top_answers", [True, False])
def test_the_same_plan_has_the_same_distance_wherever_it_is_compared(
    network, bound_candidates, theta, top_answers
):
    plan = network.space.plan(np.array(theta))
    parts = {"distance": network.distance, "indices": range(6)}
    here = Comparison(candidates=network.candidates, **parts)
    there = Comparison(candidates=bound_candidates, **parts)
    assert there.mean(plan) == pytest.approx(here.mean(plan), rel=1e-3, abs=1e-9)
    expected = here.estimate(plan, top_answers=top_answers)
    found = there.estimate(plan, top_answers=top_answers)
    assert found[:2] == pytest.approx(expected[:2], rel=2e-3, abs=1e-9)
    assert found[2] == expected[2]


def test_a_squared_distance_brings_no_outputs_back(network, bound_candidates, monkeypatch):
    plan = network.space.plan(np.array((7, 7)))
    comparison = Comparison(
        candidates=bound_candidates, distance=network.distance, indices=range(6)
    )
    monkeypatch.setattr(BoundEvaluator, "outputs", None)
    assert comparison.estimate(plan, top_answers=True)[0] > 0


@pytest.mark.parametrize("name", ["cosine", "kl", "relational"])
def test_other_distances_are_those_of_the_outputs(network, bound_candidates, name):
    plan = network.space.plan(np.array((7, 7)))
    distance = output_distance(name, network.candidates.reference)
    pair = [
        Comparison(candidates=candidates, distance=distance, indices=range(6))
        for candidates in (network.candidates, bound_candidates)
    ]
    here, there = (comparison.estimate(plan, top_answers=False) for comparison in pair)
    assert there[:2] == pytest.approx(here[:2], rel=1e-3)


def test_the_plan_that_changes_nothing_has_distance_0(network, bound_candidates):
    comparison = Comparison(
        candidates=bound_candidates, distance=network.distance, indices=range(6)
    )
    mean, variance, changed = comparison.estimate(Plan(), top_answers=True)
    assert (mean, variance, changed) == (pytest.approx(0, abs=1e-9), pytest.approx(0), 0)
