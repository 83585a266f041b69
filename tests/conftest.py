"""Rules for all tests: no network but loopback, GPU tests only where a CUDA device answers."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.hub_server import HubServer

if TYPE_CHECKING:
    from tests.pipeline.conftest import Case

# Timing says nothing on a busy machine, and with half of the usual examples the whole takes a
# quarter of a minute less.
hypothesis.settings.register_profile("untimed", deadline=None, max_examples=50)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="session")
def _no_network_but_loopback() -> Iterator[None]:
    """Refuse connections that leave the machine."""
    connect = socket.socket.connect

    def guarded(sock: socket.socket, address: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(address[0]):
            raise PermissionError(f"a test tried to connect to {address[0]}")
        connect(sock, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# The client reads its settings when it is imported, which a test module may do before any fixture.
HUB_HOME = tempfile.mkdtemp(prefix="hub-home-")
for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING"))]:
    del os.environ[name]
os.environ |= {"HF_HOME": HUB_HOME, "HF_HUB_DISABLE_TELEMETRY": "1"}

# Matrices are tiny and workers share the cores: with two threads for each product, two workers on
# two cores took twice the processor time and, as threads wait for each other, up to four times
# as long.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")


def pytest_unconfigure() -> None:
    shutil.rmtree(HUB_HOME, ignore_errors=True)


LONG_FILES_IN = ("pipeline", "cli", "data", "hub", "testing", "techniques")
"""Folders of tests: of whole runs, and of all techniques. A file of one test may take a minute."""


def pytest_configure(config: pytest.Config) -> None:
    # pytest-xdist gives out files of many tests first, and long ones of few tests last: while one
    # worker ran these, the other had nothing left to do.
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first, in the order of the folders above."""

    def place(item: pytest.Item) -> int:
        folder = item.nodeid.removeprefix("tests/").partition("/")[0]
        known = folder in LONG_FILES_IN
        return LONG_FILES_IN.index(folder) if known else len(LONG_FILES_IN)

    items.sort(key=place)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """A Hub on loopback, empty; see `tests.hub_server`."""
    server = HubServer()
    yield server
    server.close()


@pytest.fixture
def hub_in_use(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> HubServer:
    """The Hub that the client of this process talks to when nothing else is said."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    template = hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    return hub


@pytest.fixture
def without_xet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the client of this process move large files by LFS."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits of the client between its own attempts, which are noted instead of waited for."""
    from huggingface_hub import file_download
    from huggingface_hub.utils import _http

    noted: list[float] = []
    clock = SimpleNamespace(**{**vars(time), "sleep": noted.append})
    for module in (file_download, _http):
        monkeypatch.setattr(module, "time", clock)
    return noted


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A finished run, made once; tests that change it take `finished`."""
    from tests.pipeline.conftest import make_run

    return make_run(tmp_path_factory.mktemp("original"))


@pytest.fixture
def finished(made_run: Case, tmp_path: Path) -> Case:
    """A copy of a finished run: of a classifier under MIT, repaired with inputs from a file."""
    shutil.copytree(made_run.out, tmp_path / "run")
    return replace(made_run, out=tmp_path / "run")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not cuda_answers():
        pytest.skip("no CUDA device that ONNX Runtime can use")


@cache
def cuda_answers() -> bool:
    """Return whether a one-node model really runs on CUDA."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return False
    onnxruntime.preload_dlls()
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "one", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    session = onnxruntime.InferenceSession(
        onnx.ModelProto.SerializeToString(model), providers=["CUDAExecutionProvider"]
    )
    return "CUDAExecutionProvider" in session.get_providers()
