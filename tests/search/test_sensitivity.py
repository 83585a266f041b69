from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.search.sensitivity import Sensitivity

SAMPLES, WIDTH = 5, 7
SCALES = {(0, 1): (0, 1.0), (0, 2): (1, 1.0), (0, 3): (1, 2.5), (1, 1): (2, 0.3), (1, 2): (2, 1.0)}
"""(site, level) -> anchor and the length of the level's change in units of the anchor's."""


def drawn(seed: int) -> tuple[Sensitivity, dict[tuple[int, int], np.ndarray]]:
    """Return sensitivities of two sites and the changes of the outputs that they describe."""
    anchors = np.random.default_rng(seed).standard_normal((3, SAMPLES, WIDTH))
    changes = {choice: scale * anchors[a] for choice, (a, scale) in SCALES.items()}
    distortion, anchor = np.full((2, 4), np.inf), np.zeros((2, 4), np.int64)
    distortion[:, 0] = 0
    for choice, (a, _) in SCALES.items():
        distortion[choice] = np.square(changes[choice]).sum() / SAMPLES
        anchor[choice] = a
    rows = anchors.reshape(3, -1)
    return Sensitivity(
        distortion=distortion, anchor=anchor, inner=rows @ rows.T / SAMPLES
    ), changes


plans = st.tuples(st.integers(0, 3), st.integers(0, 2))


def of(theta, changes) -> list[np.ndarray]:
    return [changes[choice] for choice in enumerate(theta) if choice[1]]


@given(seed=st.integers(0, 2**16), theta=plans)
def test_the_additive_prediction_is_the_sum_of_the_squared_norms(seed, theta):
    sensitivity, changes = drawn(seed)
    expected = sum(np.square(change).sum() / SAMPLES for change in of(theta, changes))
    assert sensitivity.additive(np.array(theta)) == pytest.approx(expected, rel=1e-12)


@given(seed=st.integers(0, 2**16), theta=plans)
def test_the_gram_prediction_is_the_squared_norm_of_the_sum(seed, theta):
    sensitivity, changes = drawn(seed)
    total = np.sum([np.zeros((SAMPLES, WIDTH)), *of(theta, changes)], axis=0)
    expected = np.square(total).sum() / SAMPLES
    assert sensitivity.gram(np.array(theta)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_both_predictions_agree_on_orthogonal_changes(make_sensitivity):
    sensitivity = make_sensitivity([[0, 1, 4], [0, 2, 3]])
    theta = np.array([2, 1])
    assert sensitivity.gram(theta) == pytest.approx(sensitivity.additive(theta), rel=1e-12)
    assert sensitivity.contributions(theta).tolist() == [4, 2]


def test_opposite_changes_cancel_and_rounding_never_makes_that_negative():
    vector = np.array([[0.1, 0.2, 0.7]])
    rows = np.vstack([vector, -vector])
    power = float(vector[0] @ vector[0])
    sensitivity = Sensitivity(
        distortion=np.array([[0, power], [0, power]]),
        anchor=np.array([[0, 0], [0, 1]]),
        inner=rows @ rows.T,
    )
    both = np.array([1, 1])
    assert 0 <= sensitivity.gram(both) <= 1e-15
    assert sensitivity.additive(both) == pytest.approx(2 * power)


def test_an_option_without_a_direction_counts_in_the_additive_prediction_alone():
    sensitivity = Sensitivity(
        distortion=np.array([[0.0, 5e3], [0.0, 2.0]]),
        anchor=np.array([[0, 0], [0, 1]]),
        inner=np.diag([0.0, 2.0]),
    )
    assert sensitivity.additive(np.array([1, 1])) == 5002
    assert sensitivity.gram(np.array([1, 1])) == pytest.approx(2.0)
