from __future__ import annotations

import math

import numpy as np
import pytest

from zoo_compress.errors import InputError
from zoo_compress.stats.bounds import clopper_pearson_upper, quantile_upper
from zoo_compress.stats.certificates import certify_quantile, certify_top1


def logits(answers, classes: int = 5) -> list[tuple[np.ndarray, ...]]:
    return [(np.eye(classes, dtype=np.float32)[[answer]],) for answer in answers]


def test_a_model_that_always_agrees_gets_the_exact_bound():
    outputs = logits([i % 5 for i in range(200)])
    certificate = certify_top1(outputs, outputs, confidence=0.95, scope="photographs")
    assert certificate.kind == "top1-disagreement"
    assert certificate.bound == pytest.approx(0.014867, abs=1e-6)
    assert (certificate.observed, certificate.n, certificate.confidence) == (0.0, 200, 0.95)
    assert certificate.scope == "photographs"


def test_the_statement_holds_the_bound_the_count_and_the_corollary_on_accuracy():
    outputs = logits([i % 5 for i in range(200)])
    statement = certify_top1(outputs, outputs, confidence=0.95, scope="photographs").statement
    assert statement == (
        "With 95 % confidence the compressed model's top answer differs from the original's on "
        "at most 1.49 % of inputs (0 of 200 did), so that their accuracies differ by at most "
        "1.49 percentage points whatever the labels are."
    )


def test_disagreements_are_counted():
    certificate = certify_top1(
        logits([0, 1, 2, 3, 4, 0]), logits([0, 1, 0, 3, 4, 1]), confidence=0.9, scope="s"
    )
    assert certificate.observed == pytest.approx(2 / 6)
    assert certificate.bound == clopper_pearson_upper(2, 6, 0.9)


def test_a_sample_with_nan_disagrees():
    broken = [(np.array([[np.nan, 0, 0]], np.float32),)]
    certificate = certify_top1(logits([0], 3), broken, confidence=0.95, scope="s")
    assert certificate.observed == 1.0


def test_an_output_of_another_shape_disagrees():
    certificate = certify_top1(logits([0], 3), logits([0], 4), confidence=0.95, scope="s")
    assert certificate.observed == 1.0


def test_a_sequence_disagrees_where_one_position_does():
    one = np.zeros((1, 3, 4), np.float32)
    one[0, :, 2] = 1
    other = one.copy()
    other[0, 1, 3] = 2
    certificate = certify_top1([(one,), (one,)], [(one,), (other,)], confidence=0.95, scope="s")
    assert certificate.observed == 0.5


def test_the_first_float_output_decides():
    number = np.array([7])
    reference = [(number, *logits([1])[0])]
    outputs = [(number + 1, *logits([1])[0])]
    assert certify_top1(reference, outputs, confidence=0.95, scope="s").observed == 0.0


def test_a_single_class_certifies_nothing():
    outputs = logits([0], classes=1)
    with pytest.raises(ValueError, match=r"shape \(1, 1\), not two or more classes"):
        certify_top1(outputs, outputs, confidence=0.95, scope="s")


def test_integer_outputs_alone_have_no_top_answer():
    outputs = [(np.array([1]),)]
    with pytest.raises(ValueError, match="floating-point"):
        certify_top1(outputs, outputs, confidence=0.95, scope="s")


def test_no_sample_certifies_nothing():
    with pytest.raises(ValueError, match="at least one sample"):
        certify_top1([], [], confidence=0.95, scope="s")


def test_the_disagreement_certificate_covers_the_truth_in_simulation():
    # 2,000 certificates of 50 inputs; four standard errors of the coverage are 0.0195.
    rng = np.random.default_rng(3)
    agreed, differing = logits([0])[0], logits([1])[0]
    covered = 0
    for _ in range(2000):
        outputs = [differing if wrong else agreed for wrong in rng.random(50) < 0.06]
        certificate = certify_top1([agreed] * 50, outputs, confidence=0.95, scope="s")
        covered += certificate.bound >= 0.06
    assert covered / 2000 >= 0.95 - 0.0195


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
