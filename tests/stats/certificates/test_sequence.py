from __future__ import annotations

import pytest

from zoo_compress.stats.bounds import clopper_pearson_upper
from zoo_compress.stats.certificates import certify_sequence


def certify(differing, n: int = 1000, limit: float = 0.02):
    return certify_sequence(differing, n, limit=limit, confidence=0.95, scope="photographs")


def test_the_last_model_before_the_first_failure_is_found():
    found = certify([2, 10, 30, 5])
    assert found.last == 1
    expected = [clopper_pearson_upper(count, 1000, 0.95) for count in (2, 10, 30, 5)]
    assert found.bounds == tuple(expected)


def test_the_certificate_states_the_limit_for_all_that_passed():
    certificate = certify([2, 10, 30]).certificate
    assert certificate.kind == "disagreement-sequence"
    assert (certificate.bound, certificate.observed, certificate.n) == (0.02, 0.01, 1000)
    assert certificate.statement == (
        "With 95 % confidence each of the first 2 of 3 models, ordered from least to most "
        "compressed, gives another top answer than the original on at most 2 % of inputs (10 of "
        "1000 for the last of them)."
    )


def test_nothing_is_certified_if_the_least_compressed_model_fails():
    found = certify([40, 0])
    assert (found.last, found.certificate) == (None, None)
    assert len(found.bounds) == 2


def test_too_few_inputs_certify_nothing():
    assert certify([0], n=100).last is None


def test_all_may_pass():
    assert certify([0, 1, 2]).last == 2


@pytest.mark.parametrize("limit", [0.0, 1.0, 2.0])
def test_a_limit_outside_the_unit_interval_is_refused(limit):
    with pytest.raises(ValueError, match="limit on disagreement must lie between 0 and 1"):
        certify([0], limit=limit)


def test_no_model_is_refused():
    with pytest.raises(ValueError, match="at least one model"):
        certify([])


def test_an_impossible_count_is_refused():
    with pytest.raises(ValueError, match="1001 failures of 1000 inputs"):
        certify([0, 1001])
