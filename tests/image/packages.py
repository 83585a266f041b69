"""The packages that the image needs, on loopback.

The build then reaches nothing else, and nothing of how pip is set up here can stay in the image.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.image.builder import ROOT

PYTHON = "3.11"
"""What the base has."""


def fetch_packages(folder: Path) -> None:
    """Fetch them with pip as it is set up here."""
    everything = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = everything["project"]
    wanted = [
        *everything["build-system"]["requires"],
        *project["dependencies"],
        *project["optional-dependencies"]["cpu"],
    ]
    options = ["--quiet", "--only-binary=:all:", f"--python-version={PYTHON}"]
    options += [f"--constraint={ROOT / 'constraints.txt'}", f"--dest={folder}"]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, *wanted], check=True)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder's files, and yield the address of their list."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""
