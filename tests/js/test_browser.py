"""Compressed models in headless Chromium, with onnxruntime-web and transformers.js."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.js.chromium import find_chromium, visit
from tests.js.conftest import MiniLm
from tests.js.embeddings import check
from tests.js.layers import TECHNIQUES, LayerModels
from tests.js.web_server import WebServer

pytestmark = pytest.mark.browser

PATIENCE = 240.0
"""Seconds; a page with the real model took 28 on a busy machine."""

Visit = Callable[..., WebServer]


@pytest.fixture(scope="module")
def browse(packages: Path) -> Visit:
    """Return a function that visits a page with a request and returns its server."""
    program = find_chromium()
    if program is None:
        pytest.skip("there is no Chromium here")

    def visited(models: Path, **request: Any) -> WebServer:
        folders = {"packages": packages / "node_modules", "models": models}
        with WebServer(folders, request) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            visit(server, program, patience=PATIENCE)
            server.shutdown()
        assert isinstance(server.answer, list), server.answer
        return server

    return visited


@pytest.fixture(scope="module")
def answers(browse: Visit, layers: LayerModels) -> dict[str, list[Any]]:
    folder = layers.models[0].path.parent
    server = browse(folder, sessions=layers.sessions(lambda path: f"/models/{path.name}"))
    return layers.by_technique(server.answer)


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_technique_opens_and_returns_what_it_returns_in_python(
    technique: str, answers: dict[str, list[Any]]
) -> None:
    assert answers[technique]
    for model, answer in answers[technique]:
        model.hold_against(answer)


def test_a_compressed_model_answers_as_in_python_and_takes_fewer_bytes_to_fetch(
    browse: Visit, minilm: MiniLm, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched = {}
    for name, asked in minilm.asked.items():
        server = browse(minilm.models, embeddings=[asked])
        check(server.answer[0], minilm.expected(name))
        fetched[name] = server.sent
    models = {name: _model_bytes(sent) for name, sent in fetched.items()}
    with capsys.disabled():
        for name, sent in fetched.items():
            print(f"\n{name}: model {models[name]:,} bytes, the page {sent.total():,} bytes")
    others = {name: sent.total() - models[name] for name, sent in fetched.items()}
    assert models["small"] < 0.26 * models["original"]
    assert others["small"] < 1.01 * others["original"]


def _model_bytes(sent: dict[str, int]) -> int:
    """Return the bytes of the model's file, which is fetched once."""
    (count,) = (count for path, count in sent.items() if path.endswith(".onnx"))
    return count
