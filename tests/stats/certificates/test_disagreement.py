from __future__ import annotations

import numpy as np
import pytest

from zoo_compress.stats.bounds import clopper_pearson_upper, required_inputs
from zoo_compress.stats.certificates import (
    certify_disagreement,
    certify_top1,
    top_answers_differ,
)


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


@pytest.mark.parametrize("differing", [0, 3, 50])
def test_a_count_makes_the_same_certificate_as_the_outputs_it_counts(differing):
    reference = logits([0] * 50)
    outputs = logits([1] * differing + [0] * (50 - differing))
    counted = sum(map(top_answers_differ, reference, outputs))
    assert counted == differing
    from_outputs = certify_top1(reference, outputs, confidence=0.9, scope="s")
    assert certify_disagreement(counted, 50, confidence=0.9, scope="s") == from_outputs


def test_a_count_of_no_sample_certifies_nothing():
    with pytest.raises(ValueError, match="at least one sample"):
        certify_disagreement(0, 0, confidence=0.95, scope="s")


@pytest.mark.parametrize("limit", [0.01, 0.02, 0.1])
def test_the_required_inputs_of_a_limit_are_the_fewest_that_can_certify_it(limit):
    n = required_inputs(1 - limit, 0.95)
    bounds = [certify_disagreement(0, k, confidence=0.95, scope="s").bound for k in (n - 1, n)]
    assert bounds[1] <= limit < bounds[0]
