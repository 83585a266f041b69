"""A page, its request, models and packages, served on loopback, every byte counted."""

from __future__ import annotations

import json
import posixpath
import threading
from collections import Counter
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent
TYPES = {".html": "text/html", ".mjs": "text/javascript", ".js": "text/javascript"}
TYPES |= {".json": "application/json", ".wasm": "application/wasm"}


class WebServer(ThreadingHTTPServer):
    """Serves `page.html` until the page posts its answer.

    Attributes:
        request: What the page is asked.
        answer: What it posted.
        sent: Bytes of the bodies sent, by path.
        missing: Paths that were asked for and are not there.
    """

    daemon_threads = True

    def __init__(self, folders: dict[str, Path], request: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folders = {"scripts": SCRIPTS, **folders}
        self.request = request
        self.answer: Any = None
        self.answered = threading.Event()
        self.sent: Counter[str] = Counter()
        self.missing: set[str] = set()

    @property
    def page(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}/scripts/page.html"

    def find(self, path: str) -> bytes | None:
        """Return what lies at a path, below one of the folders."""
        if path == "/request.json":
            return json.dumps(self.request).encode()
        first, _, rest = posixpath.normpath(path).lstrip("/").partition("/")
        file = self.folders.get(first, SCRIPTS / "nowhere") / rest
        return file.read_bytes() if file.is_file() else None


class _Handler(BaseHTTPRequestHandler):
    server: WebServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        body = self.server.find(path)
        if body is None:
            self.server.missing.add(path)
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        kind = TYPES.get(posixpath.splitext(path)[1], "application/octet-stream")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.sent[path] += len(body)

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.answer = json.loads(self.rfile.read(length))
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()
        self.server.answered.set()

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""
