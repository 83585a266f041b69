"""A whole run with the evaluator for devices, on the processor's provider."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.pipeline.conftest import Case
from zoo_compress.pipeline import run, study
from zoo_compress.runtime.bound import BoundEvaluator
from zoo_compress.runtime.device import CPU, Device


def bound_evaluator(
    device: Device,
    model: Any,
    feeds: Any,
    *,
    replaceable: Sequence[str],
    reference: Any = None,
    supplied: Any = None,
) -> BoundEvaluator:
    return BoundEvaluator(
        model,
        feeds,
        replaceable=replaceable,
        device=device,
        reference=reference,
        supplied=supplied,
    )


@pytest.mark.parametrize("recipe", ["balanced", "low-rank"])
def test_a_run_finds_the_same_distances_with_weights_that_are_bound(
    case: Case, recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = case.settings(recipe=recipe, budget="0.7", strategy="knapsack", trials=3)
    plain = run(settings).report
    monkeypatch.setattr(study, "evaluator_on", bound_evaluator)
    bound = run(case.settings(**vars(settings) | {"overwrite": True})).report
    assert bound["distance"] == pytest.approx(plain["distance"], rel=1e-3)
    assert bound["compressed_bytes"] == plain["compressed_bytes"]
    assert bound["search_disagreement"] == plain["search_disagreement"]
    assert bound["evaluations"] == plain["evaluations"]


def test_the_record_names_the_device(case: Case) -> None:
    run(case.settings(trials=1, device="cpu"))
    record = json.loads((case.out / "run.json").read_text("utf-8"))
    assert record["device"] == str(CPU)
    assert record["hardware"]["gpu"] is None


@pytest.mark.gpu
def test_a_run_on_cuda_finds_the_distances_of_one_on_the_cpu(case: Case) -> None:
    asked = {"strategy": "knapsack", "trials": 3}
    plain = run(case.settings(**asked, device="cpu")).report
    found = run(case.settings(**asked, device="cuda", overwrite=True)).report
    assert found["device"] == "cuda:0"
    assert found["distance"] == pytest.approx(plain["distance"], rel=1e-3)
