from __future__ import annotations

import math

import numpy as np
import pytest

from zoo_compress.stats.asymptotic import asymptotic_interval, asymptotic_upper
from zoo_compress.stats.certificates import certify_asymptotic_interval, certify_lipschitz
from zoo_compress.stats.u_statistics import mean_and_variance

DISTANCES = np.random.default_rng(0).lognormal(size=200)
ESTIMATE, VARIANCE = mean_and_variance(DISTANCES)
FACTS = {"n": 200, "confidence": 0.95, "scope": "photographs"}


def interval(estimate=ESTIMATE, variance=VARIANCE):
    return certify_asymptotic_interval(estimate, variance, noun="squared distance", **FACTS)


def test_the_interval_is_certified_by_its_upper_end():
    certificate = interval()
    assert certificate.kind == "asymptotic-interval"
    assert certificate.bound == asymptotic_interval(ESTIMATE, VARIANCE, confidence=0.95)[1]
    assert (certificate.observed, certificate.n, certificate.scope) == (
        ESTIMATE,
        200,
        "photographs",
    )


@pytest.mark.parametrize(
    "make", [interval, lambda: certify_lipschitz(ESTIMATE, VARIANCE, **FACTS)]
)
def test_the_statement_says_that_it_is_asymptotic(make):
    assert "asymptotic" in make().statement
    assert "95 % confidence" in make().statement
    assert "200 inputs" in make().statement


def test_the_statement_holds_both_ends():
    assert interval(10.0, 4.0).statement == (
        "The mean squared distance to the original lies between 6.08 and 14 with 95 % confidence "
        "(asymptotic: a normal approximation, and too optimistic for few inputs or skewed "
        "distances; 200 inputs measured)."
    )


def test_no_distance_is_stated_to_be_negative():
    assert "between 0 and" in interval(1.0, 100.0).statement


def test_a_broken_model_has_no_finite_interval():
    certificate = interval(math.inf, math.inf)
    assert certificate.bound == math.inf
    assert "between 0 and inf" in certificate.statement


def test_the_risk_bound_is_the_constant_times_the_root_of_the_upper_bound():
    certificate = certify_lipschitz(ESTIMATE, VARIANCE, **FACTS)
    upper = asymptotic_upper(ESTIMATE, VARIANCE, confidence=0.95)
    assert certificate.kind == "lipschitz-risk"
    assert certificate.bound == pytest.approx(math.sqrt(2 * upper))
    assert certificate.observed == pytest.approx(math.sqrt(2 * ESTIMATE))


def test_the_risk_statement_names_loss_and_constant_and_denies_accuracy():
    statement = certify_lipschitz(4.0, 0.0, loss="hinge loss", constant=0.5, **FACTS).statement
    assert statement == (
        "The mean hinge loss (K-Lipschitz in the outputs, K = 0.5) differs from the original's by "
        "at most 1 whatever the labels are, with 95 % confidence (asymptotic: a normal "
        "approximation, and too optimistic for few inputs or skewed distances; 200 inputs "
        "measured). Nothing follows for the accuracy."
    )
