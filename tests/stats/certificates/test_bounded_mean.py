from __future__ import annotations

import math

import numpy as np
import pytest

from zoo_compress.stats.betting import betting_upper
from zoo_compress.stats.certificates import certify_bounded_mean

VALUES = np.random.default_rng(0).beta(1, 50, 200)


def certify(values):
    return certify_bounded_mean(values, confidence=0.95, scope="texts", noun="cosine distance")


def test_the_bound_is_the_betting_bound_of_the_values_in_their_order():
    certificate = certify(VALUES)
    assert certificate.kind == "bounded-mean"
    assert certificate.bound == betting_upper(VALUES, confidence=0.95)
    assert certificate.observed == pytest.approx(VALUES.mean())
    assert (certificate.n, certificate.confidence, certificate.scope) == (200, 0.95, "texts")


def test_the_statement_holds_the_bound_the_scale_and_the_sample_mean():
    assert certify(np.zeros(200)).statement == (
        "With 95 % confidence the mean cosine distance to the original is at most 0.0168, on a "
        "scale from 0 to 1 (0 over the 200 inputs measured)."
    )


def test_a_printed_bound_is_never_below_the_bound():
    certificate = certify(VALUES)
    printed = float(certificate.statement.split("at most ")[1].split(",")[0])
    assert certificate.bound <= printed <= 1.01 * certificate.bound


@pytest.mark.parametrize("broken", [math.inf, math.nan])
def test_a_broken_output_counts_as_the_largest_distance(broken):
    values = VALUES.copy()
    values[17] = broken
    as_one = np.where(np.isfinite(values), values, 1.0)
    assert certify(values) == certify(as_one)


def test_an_unbounded_distance_is_refused():
    with pytest.raises(ValueError, match=r"needs values in \[0, 1\]"):
        certify([0.2, 3.0])
