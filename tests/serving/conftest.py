"""A bundle of a small classifier, and its server in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest

from tests.pipeline.conftest import classifier
from zoo_compress.pipeline import PackageSettings, package


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    folder: Path
    address: str


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build context of a classifier with an open batch axis."""
    home = tmp_path_factory.mktemp("serving")
    onnx.save(classifier(), home / "net.onnx")
    package(
        PackageSettings(
            source=str(home / "net.onnx"), target="docker", out=home / "context", instances=2
        )
    )
    return home / "context"


@pytest.fixture(scope="session")
def server(context: Path) -> Iterator[Server]:
    """Its server, ready."""
    process = start(context)
    try:
        yield Server(context, address_of(process))
    finally:
        process.terminate()
        process.communicate(timeout=60)


def start(folder: Path) -> subprocess.Popen[str]:
    """Start a server as the container does, on a free port of loopback."""
    return subprocess.Popen(
        [sys.executable, "-m", "server"],
        cwd=folder,
        env=os.environ | {"HOST": "127.0.0.1", "PORT": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def address_of(process: subprocess.Popen[str]) -> str:
    """Read what the server says until the model is ready; return where it listens."""
    assert process.stderr is not None
    address = None
    for line in process.stderr:
        if found := re.search(r"running on http://(\S+)", line):
            address = found[1]
        if "is ready" in line:
            assert address is not None
            return address
    raise AssertionError("the server ended")
