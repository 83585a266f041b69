import json
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.conftest import Case
from zoo_compress import errors
from zoo_compress.core import Measurement, Plan, Trial
from zoo_compress.pipeline import RunSettings, run
from zoo_compress.pipeline.agreement import tested_sequence as sequence_to_test
from zoo_compress.pipeline.aim import Aim
from zoo_compress.search.objective import LeastBytes, LeastBytesAgreeing, LeastDistance, Weighted


def more_data(case: Case, count: int) -> None:
    samples = np.random.default_rng(1).standard_normal((count, 3, 8, 8)).astype(np.float32)
    np.savez(case.data, x=samples)


def trial(number: int, stored_bytes: int, distance: float) -> Trial:
    found = Measurement(distance=distance, variance=0.0, inputs=50, stored_bytes=stored_bytes)
    return Trial(number=number, plan=Plan(), measurement=found)


def test_a_distance_budget_is_kept_with_fewer_bytes_than_the_closest_plan(case: Case) -> None:
    report = run(case.settings(budget="distance=0.01", trials=10)).report
    assert report["relative_distance"] <= 0.01
    closest = run(case.settings(budget="0.5", out=case.out.with_name("close"))).report
    assert closest["relative_distance"] < report["relative_distance"]
    assert report["compressed_bytes"] < closest["compressed_bytes"]


def test_a_disagreement_budget_is_certified_by_fixed_sequence_testing(case: Case) -> None:
    more_data(case, 420)
    report = run(case.settings(budget="disagreement=0.06", trials=10)).report
    certificate = report["certificate"]
    assert certificate["kind"] == "disagreement-sequence"
    assert certificate["bound"] == 0.06
    assert certificate["n"] == 270
    exact = next(c for c in report["certificates"] if c["kind"] == "top1-disagreement")
    assert exact["bound"] <= 0.06
    assert report["size_ratio"] < 0.5


def test_a_disagreement_that_no_sample_of_this_size_certifies_is_refused_at_once(
    case: Case,
) -> None:
    with pytest.raises(errors.BudgetError, match=r"60 inputs cannot certify.*149 are needed"):
        run(case.settings(budget="disagreement=0.02"))
    assert not case.out.exists()


def test_a_model_without_answers_takes_no_disagreement_budget(case: Case) -> None:
    more_data(case, 420)
    with pytest.raises(errors.BudgetError, match="not known as a classifier"):
        run(case.settings(budget="disagreement=0.05", task="other"))


def test_a_larger_gamma_gives_a_larger_and_closer_model(case: Case) -> None:
    little = run(case.settings(budget=None, gamma=0.5, trials=8)).report
    much = run(
        case.settings(budget=None, gamma=100.0, trials=8, out=case.out.with_name("much"))
    ).report
    assert little["compressed_bytes"] < much["compressed_bytes"]
    assert little["distance"] > much["distance"]
    assert little["budget"] == "gamma=0.5"


@pytest.mark.parametrize(
    "asked", [{"budget": None}, {"gamma": 1.0}, {"budget": None, "gamma": float("nan")}]
)
def test_exactly_one_of_budget_and_gamma_is_asked_for(
    case: Case, asked: dict[str, float | None]
) -> None:
    with pytest.raises(errors.BudgetError, match="gamma"):
        run(case.settings(**asked))


def test_an_aim_gives_the_objective_that_it_names() -> None:
    def objective(text: str, task: str = "classification") -> object:
        return Aim.read(text, None).objective(1000, scale=2.0, task=task)  # type: ignore[arg-type]

    assert objective("0.5") == LeastDistance()
    assert objective("distance=0.01") == LeastBytes(0.02)
    assert isinstance(objective("disagreement=0.1"), LeastBytesAgreeing)
    assert Aim.read(None, 3.0).objective(1000, scale=2.0, task="other") == Weighted(3.0, 1000, 2.0)
    with pytest.raises(errors.BudgetError, match="do not vary"):
        Aim.read("distance=0.01", None).objective(1000, scale=0.0, task="other")


def test_models_are_tested_from_the_least_to_the_most_compressed() -> None:
    trials = [trial(i, 1000 - 100 * i, 1.0 + i) for i in range(9)]
    worse = trial(9, 950, 50.0)
    sequence = sequence_to_test(trials[5], [*trials, worse])
    assert [found.number for found in sequence] == [0, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("distance", ["total-variation", "kl", "cosine", "relational"])
def test_every_distance_can_be_searched_and_is_recorded(case: Case, distance: str) -> None:
    settings = case.settings(distance=distance, strategy="gp", trials=8)
    report = run(settings).report
    assert report["distance_name"] == distance
    assert 0 < report["distance"] < report["uniform"]["distance"]
    assert RunSettings.load(case.out).distance == distance
    record = json.loads(Path(case.out / "run.json").read_text("utf-8"))
    assert record["certificate"]["kind"] == "top1-disagreement"
