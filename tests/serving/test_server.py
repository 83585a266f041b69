"""The server of a build context, asked by a client that others wrote."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tritonclient.http
import tritonclient.http.aio
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.serving.conftest import Server, start
from zoo_compress.serving.app import create_app
from zoo_compress.serving.model import Model

IMAGES = np.random.default_rng(3).standard_normal((500, 3, 8, 8)).astype(np.float32)


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    found = tritonclient.http.InferenceServerClient(server.address)
    yield found
    found.close()


@pytest.fixture(scope="module")
def expected(server: Server) -> Any:
    """What ONNX Runtime itself returns for the images, one by one."""
    session = onnxruntime.InferenceSession(
        server.folder / "model" / "net.onnx", providers=["CPUExecutionProvider"]
    )
    return np.concatenate([session.run(None, {"x": image[None]})[0] for image in IMAGES])


def image_input(images: Any, *, binary: bool, module: Any = tritonclient.http) -> Any:
    tensor = module.InferInput("x", list(images.shape), "FP32")
    return tensor.set_data_from_numpy(images, binary_data=binary)


def post(server: Server, body: object, path: str = "/v2/models/net/infer") -> tuple[int, str]:
    """Send a request; return the status and the error."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{server.address}{path}", content, method="POST")
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request, timeout=60)
    with raised.value as answer:
        return answer.code, json.loads(answer.read())["error"]


def test_the_model_is_ready_and_described(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("net")
    assert client.is_model_ready("net", "1")
    found = client.get_model_metadata("net")
    assert found["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 3, 8, 8]}]
    assert found["outputs"] == [{"name": "logits", "datatype": "FP32", "shape": [-1, 32]}]
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize("returned", [False, True])
def test_answers_are_those_of_onnx_runtime(
    client: Any, expected: Any, sent: bool, returned: bool
) -> None:
    output = tritonclient.http.InferRequestedOutput("logits", binary_data=returned)
    tensor = image_input(IMAGES[:4], binary=sent)
    answer = client.infer("net", [tensor], outputs=[output], request_id="mine")
    np.testing.assert_allclose(answer.as_numpy("logits"), expected[:4], rtol=1e-4, atol=1e-5)
    assert answer.get_response()["id"] == "mine"
    assert answer.get_response()["model_version"] == "1"


def test_five_hundred_requests_at_once_are_all_answered(server: Server, expected: Any) -> None:
    aio = tritonclient.http.aio

    async def ask_all() -> list[Any]:
        async with aio.InferenceServerClient(server.address, conn_limit=500) as client:
            requests = [
                client.infer("net", [image_input(image[None], binary=True, module=aio)])
                for image in IMAGES
            ]
            return await asyncio.wait_for(asyncio.gather(*requests), timeout=120)

    answers = asyncio.run(ask_all())
    found = np.concatenate([answer.as_numpy("logits") for answer in answers])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "pixels"}, "no input 'pixels'; the model takes x"),
        ({"datatype": "INT64"}, "datatype 'INT64', expected 'FP32'"),
        ({"shape": [1, 3, 8, 9]}, "shape [1, 3, 8, 9], expected [-1, 3, 8, 8]"),
        ({"data": [1.0]}, "1 values"),
    ],
)
def test_a_request_that_does_not_fit_is_answered_with_one_line(
    server: Server, changes: dict[str, Any], message: str
) -> None:
    fitting = {"name": "x", "datatype": "FP32", "shape": [1, 3, 8, 8], "data": [0.0] * 192}
    status, error = post(server, {"inputs": [fitting | changes]})
    assert status == 400
    assert message in error
    assert "\n" not in error


def test_what_is_not_there_is_said_to_be_missing(server: Server, client: Any) -> None:
    assert post(server, b"{", "/v2/models/other/infer")[0] == 404
    assert post(server, b"{", "/v2/models/net/versions/2/infer")[0] == 404
    assert post(server, b"{", "/v1/models/net:predict")[0] == 404
    assert post(server, b"{", "/v2/models/net")[0] == 405
    assert not client.is_model_ready("other")


def test_an_empty_batch_is_no_reason_to_fail(client: Any) -> None:
    answer = client.infer("net", [image_input(IMAGES[:0], binary=True)])
    assert answer.as_numpy("logits").shape == (0, 32)


def test_the_health_check_of_the_container_agrees(server: Server, tmp_path: Path) -> None:
    def asked(port: str) -> int:
        return subprocess.run(
            [sys.executable, "-m", "server.health"],
            cwd=server.folder,
            env={"PORT": port, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
        ).returncode

    assert asked(server.address.rpartition(":")[2]) == 0
    assert asked("1") == 1


@pytest.mark.parametrize(("path", "status"), [("live", 200), ("ready", 503)])
def test_a_server_is_live_but_not_ready_before_the_model_has_run(
    context: Path, path: str, status: int
) -> None:
    assert asyncio.run(first_status(context, f"/v2/health/{path}")) == status


def test_a_model_is_not_asked_before_it_has_run(context: Path) -> None:
    assert asyncio.run(first_status(context, "/v2/models/net/ready")) == 503


async def first_status(folder: Path, path: str) -> int:
    """Ask an application that was not started, as while its model loads."""
    sent = list[dict[str, Any]]()

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    await create_app(folder)(scope, receive, send)
    return int(sent[0]["status"])


def test_a_model_that_does_not_load_ends_the_server(context: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(context, tmp_path / "context")
    (broken / "model" / "net.onnx").write_bytes(b"no model")
    process = start(broken)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "the model cannot be served" in said
    assert "Traceback" not in said


def test_a_request_that_is_too_large_is_refused_unread(context: Path, tmp_path: Path) -> None:
    small = shutil.copytree(context, tmp_path / "context")
    settings = json.loads((small / "server.json").read_text("utf-8"))
    (small / "server.json").write_text(json.dumps(settings | {"most_bytes": 10}))
    app = create_app(small)
    app.state.service.model = Model("net", small / "model" / "net.onnx")
    sent = list[dict[str, Any]]()

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"x" * 8, "more_body": True}

    path = "/v2/models/net/infer"
    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 413


def test_the_requirements_are_complete_and_pinned(context: Path) -> None:
    lines = (context / "requirements.txt").read_text("utf-8").split()
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines}
    assert all(re.fullmatch(r"[\w.\[\],-]+==[\w.+]+", line) for line in lines)
    assert {"onnxruntime", "starlette", "uvicorn"} <= pinned
    for name in pinned:
        needed = [Requirement(text) for text in requires(name) or []]
        environment = {"extra": "", "python_version": "3.12", "sys_platform": "linux"}
        missing = {
            canonicalize_name(requirement.name)
            for requirement in needed
            if requirement.marker is None or requirement.marker.evaluate(environment)
        } - pinned
        assert not missing, name


def test_the_context_holds_what_the_dockerfile_copies(context: Path) -> None:
    text = (context / "Dockerfile").read_text("utf-8")
    for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE):
        for name in line.split():
            assert (context / name).exists(), name
    assert re.search(r"^USER [1-9]", text, re.MULTILINE)
    assert "HEALTHCHECK" in text
