from __future__ import annotations

import math

import numpy as np
import pytest

from zoo_compress.errors import InputError
from zoo_compress.stats.bounds import quantile_upper
from zoo_compress.stats.certificates import certify_quantile


def test_the_distance_certificate_speaks_of_the_nine_tenths_quantile():
    distances = np.arange(1.0, 101.0)
    certificate = certify_quantile(distances, confidence=0.95, scope="texts", relative_to=1000.0)
    assert certificate.kind == "distance-quantile"
    assert certificate.bound == quantile_upper(distances, quantile=0.9, confidence=0.95) == 96.0
    assert certificate.observed == 90.0
    assert certificate.statement == (
        "With 95 % confidence the squared output distance to the original is at most 96 (0.096 "
        "of the output variance) for 90 % of inputs (100 measured)."
    )


@pytest.mark.parametrize(("n", "percent"), [(29, 90), (28, 80), (13, 70), (8, 50), (5, 50)])
def test_a_small_sample_gets_the_largest_quantile_it_supports(n, percent):
    certificate = certify_quantile(np.ones(n), confidence=0.95, scope="s", relative_to=1.0)
    assert f"for {percent} % of inputs" in certificate.statement
    assert certificate.bound == 1.0


def test_too_few_inputs_name_the_number_needed():
    with pytest.raises(
        InputError, match=r"4 inputs are too few .*: even the 0\.5 quantile needs 5"
    ):
        certify_quantile(np.ones(4), confidence=0.95, scope="s", relative_to=1.0)


def test_a_printed_bound_is_never_below_the_bound():
    certificate = certify_quantile(
        np.full(30, 1.23401), confidence=0.95, scope="s", relative_to=0.0
    )
    assert "at most 1.24 for" in certificate.statement


def test_a_distance_of_zero_and_of_infinity_can_be_stated():
    zero = certify_quantile(np.zeros(30), confidence=0.95, scope="s", relative_to=1.0)
    endless = certify_quantile(np.full(30, np.inf), confidence=0.95, scope="s", relative_to=1.0)
    assert "at most 0 (0 of" in zero.statement
    assert endless.bound == math.inf


def test_a_distance_that_is_no_share_of_a_variance_is_named_and_stands_alone():
    certificate = certify_quantile(
        np.full(100, 0.25), confidence=0.95, scope="s", noun="Kullback-Leibler divergence"
    )
    assert certificate.statement == (
        "With 95 % confidence the Kullback-Leibler divergence to the original is at most 0.25 for "
        "90 % of inputs (100 measured)."
    )
