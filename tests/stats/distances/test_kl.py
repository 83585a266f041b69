from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr

from zoo_compress.stats.distances.kl import KullbackLeibler
from zoo_compress.stats.distances.total_variation import TotalVariation

positive = st.lists(st.floats(1e-6, 1), min_size=4, max_size=4)


def distribution(weights: list[float]) -> np.ndarray:
    return np.array([weights]) / sum(weights)


@given(positive, positive)
def test_the_divergence_of_logits_is_that_of_their_probabilities(first, second):
    p, q = distribution(first), distribution(second)
    found = KullbackLeibler([(np.log(p) - 3,)]).between((np.log(p) - 3,), (np.log(q) + 5,))
    assert found == pytest.approx(rel_entr(p, q).sum(), rel=1e-9, abs=1e-12)


@given(positive, positive)
def test_it_is_at_least_twice_the_squared_total_variation(first, second):
    p, q = (distribution(first),), (distribution(second),)
    divergence = KullbackLeibler([p]).between(p, q)
    assert divergence >= 2 * TotalVariation([p]).between(p, q) ** 2 - 1e-12


def test_it_is_the_divergence_from_the_original():
    p, q = (np.array([[0.99, 0.01]]),), (np.array([[0.5, 0.5]]),)
    assert KullbackLeibler([p]).between(p, q) == pytest.approx(0.637, abs=1e-3)
    assert KullbackLeibler([q]).between(q, p) == pytest.approx(1.614, abs=1e-3)


def test_an_answer_rounded_to_zero_is_far_but_not_infinitely_so():
    p = (np.array([[0.5, 0.5]], np.float32),)
    q = (np.array([[1.0, 0.0]], np.float32),)
    expected = 0.5 * math.log(0.5) + 0.5 * (math.log(0.5) - math.log(np.finfo(np.float32).tiny))
    assert KullbackLeibler([p]).between(p, q) == pytest.approx(expected)


def test_positions_are_averaged():
    one, other = np.array([0.5, 0.5]), np.array([0.9, 0.1])
    reference, outputs = (np.stack([one, one])[None],), (np.stack([one, other])[None],)
    expected = rel_entr(one, other).sum() / 2
    assert KullbackLeibler([reference]).between(reference, outputs) == pytest.approx(expected)


def test_logits_that_underflow_add_nothing():
    reference, other = (np.array([[0.0, -2e3, 0.0]]),), (np.array([[0.0, -4e3, 0.0]]),)
    assert KullbackLeibler([reference]).between(reference, other) == 0.0
