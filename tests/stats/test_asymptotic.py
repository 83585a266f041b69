from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.stats.asymptotic import (
    CROSS_ENTROPY,
    asymptotic_interval,
    asymptotic_upper,
    lipschitz_risk_bound,
)


def test_the_interval_is_1_96_standard_errors_to_both_sides():
    lower, upper = asymptotic_interval(10.0, 4.0, confidence=0.95)
    assert (lower, upper) == pytest.approx((10 - 2 * 1.959964, 10 + 2 * 1.959964))


def test_the_upper_bound_alone_is_1_645_standard_errors_above():
    assert asymptotic_upper(10.0, 4.0, confidence=0.95) == pytest.approx(10 + 2 * 1.644854)


def test_nothing_is_known_of_an_infinite_estimate():
    infinite = math.inf, math.inf
    assert asymptotic_interval(*infinite, confidence=0.95) == (-math.inf, math.inf)
    assert asymptotic_upper(*infinite, confidence=0.95) == math.inf


def test_a_negative_variance_is_refused():
    with pytest.raises(ValueError, match="variance cannot be negative"):
        asymptotic_upper(1.0, -1e-9, confidence=0.95)


@pytest.mark.parametrize("bound", [asymptotic_interval, asymptotic_upper])
def test_a_confidence_outside_the_unit_interval_is_refused(bound):
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1"):
        bound(1.0, 1.0, confidence=1.0)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    norm = np.logaddexp.reduce(logits, axis=1)
    return norm - logits[np.arange(len(labels)), labels]


@given(seed=st.integers(0, 2**16), classes=st.integers(2, 20), size=st.sampled_from([0.01, 1, 30]))
def test_cross_entropy_changes_by_at_most_root_two_times_the_change_of_the_logits(
    seed, classes, size
):
    rng = np.random.default_rng(seed)
    original = 5 * rng.standard_normal((50, classes))
    other = original + size * rng.standard_normal((50, classes))
    labels = rng.integers(0, classes, 50)
    change = np.abs(cross_entropy(original, labels).mean() - cross_entropy(other, labels).mean())
    mean_squared = float(np.square(original - other).sum(axis=1).mean())
    assert change <= lipschitz_risk_bound(mean_squared, constant=CROSS_ENTROPY)


def test_root_two_is_the_least_constant_of_cross_entropy():
    # Surely wrong, and moved straight to the wrong class: the change reaches the bound.
    original, labels = np.array([[-20.0, 20.0]]), np.array([0])
    other = original + np.array([[-1.0, 1.0]])
    change = (cross_entropy(other, labels) - cross_entropy(original, labels)).item()
    assert change == pytest.approx(lipschitz_risk_bound(2.0, constant=CROSS_ENTROPY))


@pytest.mark.parametrize(("mean_squared", "constant"), [(-1.0, 1.0), (1.0, 0.0), (math.nan, 1.0)])
def test_an_impossible_lipschitz_bound_is_refused(mean_squared, constant):
    with pytest.raises(ValueError, match="needs a constant above 0 and a distance from 0 on"):
        lipschitz_risk_bound(mean_squared, constant=constant)
