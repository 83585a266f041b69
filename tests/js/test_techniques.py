"""Every technique in ONNX Runtime's builds for Node and for browsers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.js.conftest import Ask
from tests.js.layers import TECHNIQUES, LayerModels

BACKENDS = ("onnxruntime-node", "onnxruntime-web")


@pytest.fixture(scope="module", params=BACKENDS)
def answers(request: pytest.FixtureRequest, ask: Ask, layers: LayerModels) -> dict[str, list[Any]]:
    answers = ask(backend=request.param, sessions=layers.sessions())
    return layers.by_technique(answers)


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_technique_opens_and_returns_what_it_returns_in_python(
    technique: str, answers: dict[str, list[Any]]
) -> None:
    assert answers[technique]
    for model, answer in answers[technique]:
        model.hold_against(answer)
