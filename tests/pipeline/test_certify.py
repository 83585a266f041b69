import json
import math
from dataclasses import replace

import numpy as np
import pytest

from tests.pipeline.conftest import Case
from tests.pipeline.variants import noisy, saved
from zoo_compress.core import Certificate, Progress, ignore_progress
from zoo_compress.pipeline.certify import (
    certificate_record,
    certify,
    certify_all,
    distance_certificates,
    holds_logits,
    top_answer_certificates,
)
from zoo_compress.pipeline.comparison import Comparison
from zoo_compress.pipeline.study import build_study
from zoo_compress.stats.distances import Distance, output_distance
from zoo_compress.stats.u_statistics import mean_and_variance

LOGITS = [[np.array([[0.0, 1.0, float(i)]], np.float32)] for i in range(5)]
PROBABILITIES = [[np.array([[0.2, 0.8]], np.float32)]] * 2
VALUES = np.linspace(0.0, 0.1, 40)


def statements(
    name: str, comparison: Comparison | None = None, *, logits: bool = True
) -> list[Certificate]:
    return list(
        distance_certificates(
            comparison or Comparison(distances=VALUES),
            distance(name),
            logits=logits,
            confidence=0.9,
            scope="of these",
        )
    )


def distance(name: str) -> Distance:
    return output_distance(name, LOGITS)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("squared-l2", ["distance-quantile", "asymptotic-interval", "lipschitz-risk"]),
        ("kl", ["distance-quantile", "asymptotic-interval"]),
        ("cosine", ["bounded-mean", "distance-quantile", "asymptotic-interval"]),
        ("total-variation", ["bounded-mean", "distance-quantile", "asymptotic-interval"]),
    ],
)
def test_each_distance_gets_the_statements_that_hold_for_it(name: str, kinds: list[str]) -> None:
    found = statements(name)
    assert [certificate.kind for certificate in found] == kinds
    assert {(c.n, c.confidence, c.scope) for c in found} == {(40, 0.9, "of these")}


def test_a_distance_of_pairs_gets_its_asymptotic_interval_only() -> None:
    kernel = np.square(np.subtract.outer(VALUES, VALUES))
    (found,) = statements("relational", Comparison(kernel=kernel))
    assert (found.kind, found.n) == ("asymptotic-interval", 40)


def test_no_risk_follows_where_the_outputs_are_not_logits() -> None:
    assert "lipschitz-risk" not in [c.kind for c in statements("squared-l2", logits=False)]


def test_only_the_asymptotic_statements_are_called_so() -> None:
    for certificate in [*statements("squared-l2"), *statements("cosine")]:
        labelled = certificate.kind in ("asymptotic-interval", "lipschitz-risk")
        assert ("asymptotic" in certificate.statement) == labelled


def test_the_quantile_of_squared_l2_is_told_as_a_share_of_the_variance_too() -> None:
    assert "of the output variance" in statements("squared-l2")[0].statement
    assert "of the output variance" not in statements("kl")[0].statement


def test_top_answers_are_certified_where_they_were_compared() -> None:
    differing = np.arange(50) < 3
    (found,) = top_answer_certificates(
        Comparison(differing=differing), confidence=0.95, scope="of these"
    )
    assert (found.kind, found.n, found.observed) == ("top1-disagreement", 50, 0.06)
    assert not top_answer_certificates(Comparison(distances=VALUES), confidence=0.95, scope="")


def test_logits_are_one_tensor_that_is_not_probabilities() -> None:
    assert holds_logits(LOGITS)
    assert not holds_logits(PROBABILITIES)
    assert not holds_logits([[*sample, *sample] for sample in LOGITS])
    assert holds_logits([[np.array([1]), *sample] for sample in LOGITS])


def test_a_record_is_json_without_infinities() -> None:
    found = statements("squared-l2")[0]
    assert certificate_record(found)["bound"] == found.bound
    record = certificate_record(replace(found, bound=math.inf, observed=math.inf))
    assert record["bound"] is record["observed"] is None
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_a_run_certifies_on_the_inputs_of_its_split_with_the_distance_of_its_search(
    case: Case,
) -> None:
    study = build_study(case.settings(), ignore_progress)
    other = saved(noisy(0.1), case.model.with_name("other.onnx"))
    told: list[Progress] = []
    found = certify_all(study, other, told.append)
    assert [certificate.kind for certificate in found] == [
        "top1-disagreement",
        "distance-quantile",
        "asymptotic-interval",
        "lipschitz-risk",
    ]
    assert {certificate.n for certificate in found} == {60}
    assert {c.scope.partition(", out")[0] for c in found} == {
        "60 inputs that the search did not see"
    }
    assert (told[-1].done, told[-1].total) == (60, 60)
    assert certify(study, other, ignore_progress) == found[0]


def test_a_run_measures_the_mean_that_the_files_have(case: Case) -> None:
    study = build_study(case.settings(), ignore_progress)
    other = saved(noisy(0.1), case.model.with_name("other.onnx"))
    interval = certify_all(study, other, ignore_progress)[2]
    samples = [study.inputs.feeds[index]["x"] for index in study.split.certify]
    before, after = (outputs(path, np.concatenate(samples)) for path in (case.model, other))
    distances = np.square(np.asarray(after - before, np.float64)).sum(axis=1)
    assert interval.observed == pytest.approx(mean_and_variance(distances)[0], rel=1e-4)


def outputs(path: object, samples: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": samples})
    return np.asarray(found)
