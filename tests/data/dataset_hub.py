"""Dataset repositories on loopback: the endpoints of the Hub that streaming one needs."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

SHA = "0123456789abcdef0123456789abcdef01234567"
Answer = tuple[int, dict[str, str], bytes]
MISSING = 404, {"X-Error-Code": "EntryNotFound", "X-Error-Message": "no entry"}, b""


class DatasetHub:
    """Answers for a few datasets at one commit.

    Attributes:
        repos: Contents by path, by repository.
        endpoint: Its address.
    """

    def __init__(self, **repos: Mapping[str, bytes]) -> None:
        self.repos = {f"me/{name}": dict(files) for name, files in repos.items()}
        self.endpoint = ""

    def answer(self, target: str, body: bytes, wanted: str | None) -> Answer:
        path = unquote(urlsplit(target).path).strip("/")
        for repo, files in self.repos.items():
            if path.startswith((f"api/datasets/{repo}", f"datasets/{repo}/resolve")):
                return _answer(repo, files, path.split(f"{repo}", 1)[1].strip("/"), body, wanted)
        return 404, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "no such repo"}, b""


def _answer(
    repo: str, files: Mapping[str, bytes], path: str, body: bytes, wanted: str | None
) -> Answer:
    if path in ("", "revision/main", f"revision/{SHA}"):
        siblings = [{"rfilename": name} for name in files]
        return _as_json({"id": repo, "sha": SHA, "siblings": siblings, "tags": []})
    if path.startswith("revision/"):
        return 404, {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "no"}, b""
    if path.startswith(f"tree/{SHA}"):
        return _as_json(_tree(files, path.removeprefix(f"tree/{SHA}").strip("/")))
    if path == f"paths-info/{SHA}":
        paths = parse_qs(body.decode()).get("paths", [])
        return _as_json([_entry(name, files[name]) for name in paths if name in files])
    name = path.removeprefix(f"resolve/{SHA}/")
    return _file(files[name], wanted) if name in files else MISSING


def _tree(files: Mapping[str, bytes], folder: str) -> list[dict[str, Any]]:
    inside = [name for name in files if not folder or name.startswith(f"{folder}/")]
    folders = {name.rpartition("/")[0] for name in inside if "/" in name} - {folder}
    return [
        *({"type": "directory", "path": name, "oid": "0" * 40, "size": 0} for name in folders),
        *(_entry(name, files[name]) for name in inside),
    ]


def _entry(name: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "oid": _digest(content), "size": len(content)}


def _file(content: bytes, wanted: str | None) -> Answer:
    headers = {"X-Repo-Commit": SHA, "ETag": f'"{_digest(content)}"', "Accept-Ranges": "bytes"}
    if wanted is None:
        return 200, headers, content
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start, stop = int(first), min(int(last or len(content)), len(content) - 1) + 1
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
    return 206, headers, content[start:stop]


def _as_json(content: object) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@contextmanager
def serving(hub: DatasetHub) -> Iterator[DatasetHub]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, content = hub.answer(self.path, body, self.headers.get("Range"))
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = reply  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
