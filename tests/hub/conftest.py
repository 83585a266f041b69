import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4)
SHA = "0123456789abcdef0123456789abcdef01234567"


def model_bytes(location: str | None = None) -> bytes:
    """Return a small model, its weight in the file `location` if one is named."""
    weight = numpy_helper.from_array(WEIGHT, "W")
    if location is not None:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "W"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [weight],
    )
    opsets = [helper.make_opsetid("", 18)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return model.SerializeToString()


class Hub:
    """The endpoints of the Hub that a pull needs, for one repository `me/net`."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.listed: list[str] = []
        self.revisions = {"main": SHA, SHA: SHA}
        self.fetched: list[str] = []
        self.failure: tuple[int, dict[str, str], bytes] | None = None
        self.endpoint = ""

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if self.failure is not None:
            return self.failure
        parts = unquote(urlsplit(path).path).strip("/").split("/")
        match parts:
            case ["api", "models", "me", "net"]:
                return self._info("main")
            case ["api", "models", "me", "net", "revision", *revision]:
                return self._info("/".join(revision))
            case ["me", "net", "resolve", revision, *file]:
                return self._file(revision, "/".join(file))
        return 404, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "no such repo"}, b""

    def _info(self, revision: str) -> tuple[int, dict[str, str], bytes]:
        if revision not in self.revisions:
            return 404, {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "no"}, b""
        siblings = [{"rfilename": name, "size": len(data)} for name, data in self.files.items()]
        siblings += [{"rfilename": name, "size": 1} for name in self.listed]
        info = {"id": "me/net", "sha": self.revisions[revision], "siblings": siblings}
        return 200, {"Content-Type": "application/json"}, json.dumps(info).encode()

    def _file(self, revision: str, name: str) -> tuple[int, dict[str, str], bytes]:
        if name not in self.files:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Error-Message": "no entry"}, b""
        data = self.files[name]
        etag = hashlib.sha1(data).hexdigest()
        return 200, {"X-Repo-Commit": revision, "ETag": f'"{etag}"'}, data


def handler_for(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.reply(with_body=False)

        def do_GET(self) -> None:
            self.reply(with_body=True)

        def reply(self, *, with_body: bool) -> None:
            status, headers, body = hub.answer(self.path)
            if with_body and "/resolve/" in self.path and status == 200:
                hub.fetched.append(self.path.split("/", 5)[5])
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(hub))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def make_model():
    return model_bytes
