from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.stats.distances.total_variation import TotalVariation


def logits(*probabilities: float) -> tuple[np.ndarray, ...]:
    return (np.log(np.array([probabilities])),)


def test_a_known_distance_is_half_the_absolute_difference():
    reference, other = logits(0.5, 0.3, 0.2), logits(0.1, 0.3, 0.6)
    assert TotalVariation([reference]).between(reference, other) == pytest.approx(0.4)


def test_disjoint_answers_are_at_distance_one():
    sure, opposite = (np.array([[800.0, 0.0]]),), (np.array([[0.0, 800.0]]),)
    assert TotalVariation([sure]).between(sure, opposite) == 1.0


@given(seed=st.integers(0, 2**16), shift=st.floats(-50, 50))
def test_a_constant_added_to_all_logits_changes_nothing(seed, shift):
    values = np.random.default_rng(seed).standard_normal((1, 6))
    distance = TotalVariation([(values,)])
    assert distance.between((values,), (values + shift,)) == pytest.approx(0, abs=1e-12)


def test_positions_are_averaged():
    one, other = np.log([0.5, 0.5]), np.log([0.9, 0.1])
    reference = (np.stack([one, one, one, one])[None],)
    outputs = (np.stack([one, other, one, other])[None],)
    assert TotalVariation([reference]).between(reference, outputs) == pytest.approx(0.2)


def test_probabilities_are_compared_without_a_softmax():
    reference, other = (np.array([[0.5, 0.5]]),), (np.array([[0.9, 0.1]]),)
    assert TotalVariation([reference]).between(reference, other) == pytest.approx(0.4)


def test_an_output_that_sums_to_nothing_is_infinitely_far():
    reference, nothing = (np.array([[0.5, 0.5]]),), (np.zeros((1, 2)),)
    assert TotalVariation([reference]).between(reference, nothing) == math.inf


def test_a_regression_has_no_classes():
    with pytest.raises(ValueError, match="no output has two or more classes"):
        TotalVariation([(np.zeros((1, 1)),)])
